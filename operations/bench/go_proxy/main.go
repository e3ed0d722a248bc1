// Command go_proxy is what the aim is held against: httputil.ReverseProxy, and a look at the key.
//
// BENCH_KEY=sk-… go_proxy --port N --upstream URL
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
)

func main() {
	port := flag.Int("port", 0, "")
	address := flag.String("upstream", "", "")
	flag.Parse()
	upstream, err := url.Parse(*address)
	if err != nil {
		log.Fatal(err)
	}
	runtime.GOMAXPROCS(1) // The one core that it is placed on.
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1, // Each event at once.
		Transport:     &http.Transport{MaxIdleConnsPerHost: 4096, DisableCompression: true},
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetURL(upstream)
			request.Out.Header.Set("Authorization", "Bearer upstream")
		},
	}
	wanted := "Bearer " + os.Getenv("BENCH_KEY")
	relay := func(writer http.ResponseWriter, request *http.Request) {
		if request.Header.Get("Authorization") != wanted {
			writer.WriteHeader(http.StatusUnauthorized)
			return
		}
		// Else the server closes the request's body when the answer begins, at times before the
		// transport has seen its end: that ends the answer in the middle.
		if err := http.NewResponseController(writer).EnableFullDuplex(); err != nil {
			log.Fatal(err)
		}
		proxy.ServeHTTP(writer, request)
	}
	log.Fatal(http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", *port), http.HandlerFunc(relay)))
}
