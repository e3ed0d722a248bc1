-- The way to a channel: through an outgoing proxy, or over HTTP/2.

ALTER TABLE channels
    ADD COLUMN proxy_url text NOT NULL DEFAULT '', -- without user name and password
    ADD COLUMN proxy_url_ciphertext text, -- with them: AES-GCM, bound to the channel's id
    ADD COLUMN proxy_has_credentials boolean NOT NULL DEFAULT false,
    ADD COLUMN http2 boolean NOT NULL DEFAULT false,
    ADD CHECK ((proxy_url = '') = (proxy_url_ciphertext IS NULL)),
    ADD CHECK (NOT http2 OR proxy_url = '');
