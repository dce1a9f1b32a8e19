// The other side of test/discovery/go-client.test.ts: reads a service as `nats micro` does, with the types of the Go
// client, and is a service itself.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// go-services <url> <name of the service to read> <subject to ask for the list of instances>
func main() {
	nc, err := nats.Connect(os.Args[1])
	check(err)
	defer nc.Close()
	service, err := micro.AddService(nc, micro.Config{Name: "go-peer", Version: "2.0.0", Description: "in Go"})
	check(err)
	defer service.Stop()
	check(service.AddEndpoint("echo", micro.HandlerFunc(func(request micro.Request) {
		check(request.Respond(request.Data()))
	}), micro.WithEndpointSubject("go.echo")))
	check(service.AddEndpoint("fail", micro.HandlerFunc(func(request micro.Request) {
		check(request.Error("500", "it failed", nil))
	}), micro.WithEndpointSubject("go.fail")))
	request(nc, "go.echo")
	request(nc, "go.fail")

	var ping micro.Ping
	var info micro.Info
	var stats micro.Stats
	read(nc, micro.PingVerb, &ping)
	read(nc, micro.InfoVerb, &info)
	read(nc, micro.StatsVerb, &stats)
	output, err := json.Marshal(map[string]any{
		"ping": ping, "info": info, "stats": stats, "id": service.Info().ID,
		"list": json.RawMessage(request(nc, os.Args[3]).Data),
	})
	check(err)
	fmt.Println(string(output))
}

func read(nc *nats.Conn, verb micro.Verb, answer any) {
	subject, err := micro.ControlSubject(verb, os.Args[2], "")
	check(err)
	decoder := json.NewDecoder(bytes.NewReader(request(nc, subject).Data))
	decoder.DisallowUnknownFields()
	check(decoder.Decode(answer))
}

func request(nc *nats.Conn, subject string) *nats.Msg {
	answer, err := nc.Request(subject, []byte("{}"), 20*time.Second)
	check(err)
	return answer
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
