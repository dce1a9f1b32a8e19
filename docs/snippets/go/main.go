package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"
)

// Runs each snippet once against the server whose URL is given, and prints what came of it.
func main() {
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	js, err := open(url)
	if err != nil {
		return err
	}
	stream, err := streams(ctx, js)
	if err != nil {
		return err
	}
	sequence, err := publish(ctx, js, order{ID: "4711", Total: 12.5})
	if err != nil {
		return err
	}
	fmt.Println("published", sequence)

	if err = publishAsync(js, []string{"1", "2", "3"}); err != nil {
		return err
	}
	shipping, err := consumer(ctx, stream)
	if err != nil {
		return err
	}
	shipped := make(chan string)
	consumption, err := consume(shipping, func(data []byte) { shipped <- string(data) })
	if err != nil {
		return err
	}
	for range 3 {
		fmt.Println("shipped", <-shipped)
	}
	consumption.Stop()
	<-consumption.Closed()
	if err = publishAsync(js, []string{"4"}); err != nil {
		return err
	}
	if err = fetch(shipping, func(data []byte) { fmt.Println("fetched", string(data)) }); err != nil {
		return err
	}

	if err = keyValue(ctx, js); err != nil {
		return err
	}
	note, err := objectStore(ctx, js)
	if err != nil {
		return err
	}
	fmt.Println(note)
	missing, err := find(ctx, js)
	if err != nil {
		return err
	}
	fmt.Println(missing)
	return nil
}
