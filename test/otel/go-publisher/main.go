// The other side of test/otel/go-publisher.test.ts: publishes with the trace header as Go programs write it.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// go-publisher <url> <subject> <data> <traceparent>
func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	nc, err := nats.Connect(os.Args[1])
	check(err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	check(err)
	msg := nats.NewMsg(os.Args[2])
	msg.Data = []byte(os.Args[3])
	// The carrier of OpenTelemetry for Go (propagation.HeaderCarrier) is an http.Header, which writes "Traceparent".
	http.Header(msg.Header).Set("traceparent", os.Args[4])
	_, err = js.PublishMsg(ctx, msg)
	check(err)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
