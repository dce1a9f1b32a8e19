// The other side of test/compat/go-client.test.ts: writes with the Go client, and prints the data that it reads.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"sort"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// go-peer write|read|consume <url> <name>
func main() {
	url, name := os.Args[2], os.Args[3]
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	nc, err := nats.Connect(url)
	check(err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	check(err)
	switch os.Args[1] {
	case "write":
		write(ctx, js, name)
	case "read":
		check(json.NewEncoder(os.Stdout).Encode(read(ctx, js, name)))
	case "consume":
		check(json.NewEncoder(os.Stdout).Encode(consume(ctx, js, name)))
	default:
		log.Fatalf("unknown command %q", os.Args[1])
	}
}

// Writes the same data as the test, under other names.
func write(ctx context.Context, js jetstream.JetStream, name string) {
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name:        name,
		Description: "events",
		Subjects:    []string{name + ".>"},
		MaxAge:      time.Hour,
		MaxMsgs:     1_000,
		Duplicates:  90 * time.Second,
		AllowDirect: true,
		Metadata:    map[string]string{"team": "billing"},
	})
	check(err)
	_, err = js.Publish(ctx, name+".plain", []byte("plain"), jetstream.WithMsgID("1"))
	check(err)
	msg := nats.NewMsg(name + ".headers")
	msg.Data = []byte{0, 1, 254, 255}
	msg.Header.Add("Tag", "a")
	msg.Header.Add("Tag", "ü")
	_, err = js.PublishMsg(ctx, msg)
	check(err)
	_, err = js.Publish(ctx, name+".empty", nil)
	check(err)
	_, err = stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		Durable:        "worker",
		Description:    "works",
		FilterSubjects: []string{name + ".plain", name + ".headers"},
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        10 * time.Second,
		MaxDeliver:     4,
		BackOff:        []time.Duration{time.Second, 5 * time.Second},
		MaxAckPending:  50,
		Metadata:       map[string]string{"team": "billing"},
	})
	check(err)

	kv, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: name, Description: "profiles", History: 5})
	check(err)
	for _, value := range []string{"red", "blue"} {
		_, err = kv.PutString(ctx, "users/sue=1", value)
		check(err)
	}
	revision, err := kv.Create(ctx, "joe", []byte("green"))
	check(err)
	_, err = kv.Update(ctx, "joe", []byte("white"), revision)
	check(err)
	check(kv.Delete(ctx, "joe"))
	_, err = kv.PutString(ctx, "ann", "grey")
	check(err)
	check(kv.Purge(ctx, "ann"))

	objects, err := js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: name, Description: "files"})
	check(err)
	big, err := objects.Put(ctx, jetstream.ObjectMeta{
		Name:        "dir/big ü.bin",
		Description: "large",
		Headers:     nats.Header{"Tag": []string{"a", "b"}},
		Metadata:    map[string]string{"kind": "test"},
		Opts:        &jetstream.ObjectMetaOptions{ChunkSize: 100_000},
	}, bytes.NewReader(bigObject()))
	check(err)
	_, err = objects.PutString(ctx, "draft", "to be renamed")
	check(err)
	check(objects.UpdateMeta(ctx, "draft", jetstream.ObjectMeta{Name: "final", Description: "renamed"}))
	_, err = objects.PutBytes(ctx, "gone", []byte("deleted"))
	check(err)
	check(objects.Delete(ctx, "gone"))
	_, err = objects.PutBytes(ctx, "empty", nil)
	check(err)
	_, err = objects.AddLink(ctx, "link", big)
	check(err)
}

func bigObject() []byte {
	data := make([]byte, 1_000_001)
	for i := range data {
		data[i] = byte(i % 251)
	}
	return data
}

type report struct {
	Stream   map[string]any   `json:"stream"`
	Messages []message        `json:"messages"`
	Consumer map[string]any   `json:"consumer"`
	Keys     []string         `json:"keys"`
	History  map[string][]rev `json:"history"`
	Missing  []string         `json:"missing"`
	Objects  []object         `json:"objects"`
}

type message struct {
	Subject string              `json:"subject"`
	Headers map[string][]string `json:"headers"`
	Data    string              `json:"data"`
}

type rev struct {
	Revision  uint64 `json:"revision"`
	Operation string `json:"operation"`
	Value     string `json:"value"`
}

type object struct {
	Name        string              `json:"name"`
	Description string              `json:"description"`
	Headers     map[string][]string `json:"headers"`
	Metadata    map[string]string   `json:"metadata"`
	Size        uint64              `json:"size"`
	Chunks      uint32              `json:"chunks"`
	Deleted     bool                `json:"deleted"`
	Link        string              `json:"link"`
	Content     string              `json:"content"`
}

func read(ctx context.Context, js jetstream.JetStream, name string) report {
	stream, err := js.Stream(ctx, name)
	check(err)
	config := stream.CachedInfo().Config
	r := report{
		Stream: map[string]any{
			"description": config.Description, "subjects": config.Subjects, "maxAge": config.MaxAge.Milliseconds(),
			"maxMessages": config.MaxMsgs, "duplicateWindow": config.Duplicates.Milliseconds(),
			"allowDirect": config.AllowDirect, "team": config.Metadata["team"],
		},
		History: map[string][]rev{},
		Missing: []string{},
	}
	for sequence := uint64(1); sequence <= stream.CachedInfo().State.LastSeq; sequence++ {
		msg, err := stream.GetMsg(ctx, sequence)
		check(err)
		headers := map[string][]string{}
		for key, values := range msg.Header {
			// The response to a direct get has the metadata of the message in headers.
			if !direct[key] {
				headers[key] = values
			}
		}
		r.Messages = append(r.Messages, message{msg.Subject, headers, hex.EncodeToString(msg.Data)})
	}
	worker, err := stream.Consumer(ctx, "worker")
	check(err)
	c := worker.CachedInfo().Config
	backOff := []int64{}
	for _, wait := range c.BackOff {
		backOff = append(backOff, wait.Milliseconds())
	}
	r.Consumer = map[string]any{
		"description": c.Description, "filterSubjects": c.FilterSubjects, "maxDeliver": c.MaxDeliver, "backoff": backOff,
		"maxAckPending": c.MaxAckPending, "team": c.Metadata["team"],
	}

	kv, err := js.KeyValue(ctx, name)
	check(err)
	r.Keys, err = kv.Keys(ctx)
	check(err)
	sort.Strings(r.Keys)
	for _, key := range []string{"ann", "joe", "users/sue=1"} {
		entries, err := kv.History(ctx, key)
		check(err)
		for _, entry := range entries {
			r.History[key] = append(r.History[key], rev{
				entry.Revision(), operations[entry.Operation()], string(entry.Value()),
			})
		}
		if _, err = kv.Get(ctx, key); errors.Is(err, jetstream.ErrKeyNotFound) {
			r.Missing = append(r.Missing, key)
		} else {
			check(err)
		}
	}

	objects, err := js.ObjectStore(ctx, name)
	check(err)
	infos, err := objects.List(ctx, jetstream.ListObjectsShowDeleted())
	check(err)
	for _, info := range infos {
		o := object{
			Name: info.Name, Description: info.Description, Headers: map[string][]string{}, Metadata: map[string]string{},
			Size: info.Size, Chunks: info.Chunks, Deleted: info.Deleted,
		}
		for key, values := range info.Headers {
			o.Headers[key] = values
		}
		for key, value := range info.Metadata {
			o.Metadata[key] = value
		}
		if info.Opts != nil && info.Opts.Link != nil {
			o.Link = info.Opts.Link.Name
		}
		if !info.Deleted {
			// Get follows links and verifies the digest.
			content, err := objects.GetBytes(ctx, info.Name)
			check(err)
			o.Content = fmt.Sprintf("%x", sha256.Sum256(content))
		}
		r.Objects = append(r.Objects, o)
	}
	sort.Slice(r.Objects, func(i, j int) bool { return r.Objects[i].Name < r.Objects[j].Name })
	return r
}

var direct = map[string]bool{
	"Nats-Stream": true, "Nats-Subject": true, "Nats-Sequence": true, "Nats-Time-Stamp": true,
}

var operations = map[jetstream.KeyValueOp]string{
	jetstream.KeyValuePut:    "PUT",
	jetstream.KeyValueDelete: "DEL",
	jetstream.KeyValuePurge:  "PURGE",
}

// Receives and acknowledges one message of the consumer.
func consume(ctx context.Context, js jetstream.JetStream, name string) message {
	worker, err := js.Consumer(ctx, name, "worker")
	check(err)
	msg, err := worker.Next()
	check(err)
	check(msg.DoubleAck(ctx))
	headers := map[string][]string{}
	for key, values := range msg.Headers() {
		headers[key] = values
	}
	return message{msg.Subject(), headers, hex.EncodeToString(msg.Data())}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
