module ledgerline/operations/bench/go_proxy

go 1.21
