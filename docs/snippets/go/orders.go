// The Go side of docs/coming-from-the-go-client.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

type order struct {
	ID    string  `json:"id"`
	Total float64 `json:"total"`
}

func open(url string) (jetstream.JetStream, error) {
	// #region connect
	nc, err := nats.Connect(url)
	if err != nil {
		return nil, err
	}
	return jetstream.New(nc)
	// #endregion
}

func streams(ctx context.Context, js jetstream.JetStream) (jetstream.Stream, error) {
	// #region streams
	return js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:     "ORDERS",
		Subjects: []string{"orders.>"},
		MaxAge:   24 * time.Hour,
	})
	// #endregion
}

func publish(ctx context.Context, js jetstream.JetStream, o order) (uint64, error) {
	// #region publish
	data, err := json.Marshal(o)
	if err != nil {
		return 0, err
	}
	ack, err := js.Publish(ctx, "orders.placed", data, jetstream.WithMsgID(o.ID))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
	// #endregion
}

func publishAsync(js jetstream.JetStream, ids []string) error {
	// #region publish-async
	for _, id := range ids {
		if _, err := js.PublishAsync("orders.imported", []byte(id)); err != nil {
			return err
		}
	}
	<-js.PublishAsyncComplete()
	return nil
	// #endregion
}

func consumer(ctx context.Context, stream jetstream.Stream) (jetstream.Consumer, error) {
	// #region consumer
	return stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable:       "shipping",
		FilterSubject: "orders.imported",
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       10 * time.Second,
	})
	// #endregion
}

func consume(shipping jetstream.Consumer, ship func([]byte)) (jetstream.ConsumeContext, error) {
	// #region consume
	return shipping.Consume(func(msg jetstream.Msg) {
		ship(msg.Data())
		msg.Ack()
	}, jetstream.PullMaxMessages(100))
	// #endregion
}

func fetch(shipping jetstream.Consumer, ship func([]byte)) error {
	// #region fetch
	batch, err := shipping.Fetch(10, jetstream.FetchMaxWait(time.Second))
	if err != nil {
		return err
	}
	for msg := range batch.Messages() {
		ship(msg.Data())
		msg.Ack()
	}
	return batch.Error()
	// #endregion
}

func keyValue(ctx context.Context, js jetstream.JetStream) error {
	// #region key-value
	profiles, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "profiles", History: 5})
	if err != nil {
		return err
	}
	revision, err := profiles.Create(ctx, "sue", []byte(`{"color":"red"}`))
	if err != nil {
		return err
	}
	if _, err = profiles.Update(ctx, "sue", []byte(`{"color":"blue"}`), revision); err != nil {
		return err
	}
	entry, err := profiles.Get(ctx, "sue")
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Println(string(entry.Value()))

	watcher, err := profiles.WatchAll(ctx)
	if err != nil {
		return err
	}
	defer watcher.Stop()
	for change := range watcher.Updates() {
		if change == nil { // the end of the initial values
			break
		}
		fmt.Println(change.Key(), change.Operation())
	}
	// #endregion
	return nil
}

func objectStore(ctx context.Context, js jetstream.JetStream) (string, error) {
	// #region object-store
	documents, err := js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: "documents"})
	if err != nil {
		return "", err
	}
	if _, err = documents.PutString(ctx, "note.txt", "Call Sue."); err != nil {
		return "", err
	}
	return documents.GetString(ctx, "note.txt")
	// #endregion
}

func find(ctx context.Context, js jetstream.JetStream) (string, error) {
	// #region errors
	_, err := js.Stream(ctx, "NONE")
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return "no such stream", nil
	}
	var refused *jetstream.APIError
	if errors.As(err, &refused) {
		return fmt.Sprintf("refused: %d", refused.ErrorCode), nil
	}
	return "", err
	// #endregion
}
