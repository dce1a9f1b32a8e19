module example.com/go-services

go 1.24.0

require github.com/nats-io/nats.go v1.53.1
