// Runs the work of the suites with the Go client, for `npm run bench -- --go <this program, built>`.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

type order struct {
	ID       int     `json:"id"`
	Customer string  `json:"customer"`
	Total    float64 `json:"total"`
	Currency string  `json:"currency"`
	Items    []item  `json:"items"`
}

type item struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

// The object that all suites send: 140 bytes of JSON.
var value = order{4711, "a77c2f6e-0d3b-4", 129.9, "EUR", []item{{"NB-204", 1}, {"US-18", 3}}}

// How many messages are in flight with publish-async, and how many operations of a bucket.
const (
	publishWindow = 4_000
	bucketWindow  = 512
	keys          = 1_000
	objectSize    = 64
)

// The round of a suite: creates its resources, then calls `measure` with the work that is timed.
type suite func(ctx context.Context, js jetstream.JetStream, operations int, measure func(work func()))

var suites = map[string]suite{
	"publish": func(ctx context.Context, js jetstream.JetStream, operations int, measure func(func())) {
		newStream(ctx, js)
		payload := encode(value)
		measure(func() {
			for range operations {
				must(js.Publish(ctx, name, payload))
			}
		})
	},
	"publish-async": func(ctx context.Context, js jetstream.JetStream, operations int, measure func(func())) {
		newStream(ctx, js)
		payload := encode(value)
		measure(func() { publishAll(js, payload, operations) })
	},
	"consume": func(ctx context.Context, js jetstream.JetStream, operations int, measure func(func())) {
		stream := newStream(ctx, js)
		publishAll(js, encode(value), operations)
		consumer := must(stream.CreateConsumer(ctx, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy}))
		measure(func() {
			done := make(chan struct{})
			handled := 0
			consumption := must(consumer.Consume(func(msg jetstream.Msg) {
				var o order
				check(json.Unmarshal(msg.Data(), &o))
				if o.ID > 0 {
					handled++
				}
				check(msg.Ack())
				if handled == operations {
					close(done)
				}
			}))
			<-done
			consumption.Stop()
		})
	},
	"kv-put": func(ctx context.Context, js jetstream.JetStream, operations int, measure func(func())) {
		bucket := newBucket(ctx, js)
		measure(func() {
			concurrently(operations, func(i int) { must(bucket.Put(ctx, keyOf(i), encode(value))) })
		})
	},
	"kv-get": func(ctx context.Context, js jetstream.JetStream, operations int, measure func(func())) {
		bucket := newBucket(ctx, js)
		measure(func() {
			concurrently(operations, func(i int) {
				var o order
				check(json.Unmarshal(must(bucket.Get(ctx, keyOf(i))).Value(), &o))
			})
		})
	},
	"object-put": func(ctx context.Context, js jetstream.JetStream, operations int, measure func(func())) {
		store, content := newObjectStore(ctx, js)
		measure(func() {
			for range operations / objectSize {
				must(store.PutBytes(ctx, name, content))
			}
		})
	},
	"object-get": func(ctx context.Context, js jetstream.JetStream, operations int, measure func(func())) {
		store, content := newObjectStore(ctx, js)
		must(store.PutBytes(ctx, name, content))
		measure(func() {
			for range operations / objectSize {
				if len(must(store.GetBytes(ctx, name))) != len(content) {
					log.Fatal("the object is not whole")
				}
			}
		})
	},
}

// The name of the stream, the subject, the bucket and the object.
const name = "go"

// <suite> <url> <operations>: prints operations a second and microseconds of CPU an operation, as JSON.
func main() {
	run, known := suites[os.Args[1]]
	if !known {
		fmt.Println("null")
		return
	}
	operations := must(strconv.Atoi(os.Args[3]))
	nc := must(nats.Connect(os.Args[2]))
	defer nc.Close()
	js := must(jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(publishWindow), jetstream.WithDefaultTimeout(30*time.Second)))
	ctx := context.Background()
	run(ctx, js, operations, func(work func()) {
		start, cpu := time.Now(), cpuTime()
		work()
		check(json.NewEncoder(os.Stdout).Encode(map[string]float64{
			"rate": float64(operations) / time.Since(start).Seconds(),
			"cpu":  float64((cpuTime() - cpu).Nanoseconds()) / 1_000 / float64(operations),
		}))
	})
	// Only one of them exists, depending on the suite.
	js.DeleteStream(ctx, name)
	js.DeleteKeyValue(ctx, name)
	js.DeleteObjectStore(ctx, name)
}

func newStream(ctx context.Context, js jetstream.JetStream) jetstream.Stream {
	return must(js.CreateStream(ctx, jetstream.StreamConfig{
		Name: name, Subjects: []string{name}, Storage: jetstream.MemoryStorage,
	}))
}

func newBucket(ctx context.Context, js jetstream.JetStream) jetstream.KeyValue {
	bucket := must(js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: name, Storage: jetstream.MemoryStorage}))
	concurrently(keys, func(i int) { must(bucket.Put(ctx, keyOf(i), encode(value))) })
	return bucket
}

func newObjectStore(ctx context.Context, js jetstream.JetStream) (jetstream.ObjectStore, []byte) {
	content := make([]byte, objectSize<<20)
	must(rand.Read(content))
	config := jetstream.ObjectStoreConfig{Bucket: name, Storage: jetstream.MemoryStorage}
	return must(js.CreateObjectStore(ctx, config)), content
}

func publishAll(js jetstream.JetStream, payload []byte, messages int) {
	for range messages {
		must(js.PublishAsync(name, payload))
	}
	<-js.PublishAsyncComplete()
}

func concurrently(operations int, operation func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range bucketWindow {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for i := int(next.Add(1)); i <= operations; i = int(next.Add(1)) {
				operation(i)
			}
		}()
	}
	workers.Wait()
}

func keyOf(i int) string {
	return fmt.Sprintf("customer.%d", i%keys)
}

func encode(value any) []byte {
	return must(json.Marshal(value))
}

// CPU time of all threads, user and system.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
