//! Forms as the libraries of many languages write them, byte for byte: each has to come with its own name and type.

use reqwest::Method;
use serde_json::json;

use crate::server::Server;

/// Who writes so, the header of the form, the form, the name of its file and the type.
type Sample = (&'static str, &'static str, &'static str, &'static str, &'static str);

const FROM_COMMAND_LINES_AND_BROWSERS: &[Sample] = &[
    (
        "curl 8",
        "multipart/form-data; boundary=------------------------d74496d66958873e",
        "--------------------------d74496d66958873e\r\nContent-Disposition: form-data; name=\"file\"; \
         filename=\"a%22b.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\n\r\n--------------------------d74496d66958873e--\r\n",
        "a\"b.txt",
        "text/plain",
    ),
    (
        "curl 7.50, which escapes with backslashes",
        "multipart/form-data; boundary=------------------------d74496d66958873e",
        "--------------------------d74496d66958873e\r\nContent-Disposition: form-data; name=\"file\"; \
         filename=\"a\\\"b\\\\c.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\n\r\n--------------------------d74496d66958873e--\r\n",
        "a\"b\\c.txt",
        "text/plain",
    ),
    (
        "Chromium, Safari and axios in them",
        "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
        "------WebKitFormBoundary7MA4YWxkTrZu0gW\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n\
         ------WebKitFormBoundary7MA4YWxkTrZu0gW\r\nContent-Disposition: form-data; name=\"file\"; \
         filename=\"Übung 100%.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF-1.7\r\n------WebKitFormBoundary7MA4YWxkTrZu0gW--\r\n",
        "Übung 100%.pdf",
        "application/pdf",
    ),
    (
        "Firefox",
        "multipart/form-data; boundary=---------------------------735323031399963166993862150",
        "-----------------------------735323031399963166993862150\r\nContent-Disposition: form-data; name=\"file\"; \
         filename=\"日本.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n-----------------------------735323031399963166993862150--\r\n",
        "日本.txt",
        "text/plain",
    ),
    (
        "a browser whose file has a backslash at its end",
        "multipart/form-data; boundary=----WebKitFormBoundaryA",
        "------WebKitFormBoundaryA\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\\\"\r\n\
         Content-Type: text/plain\r\n\r\nhello\r\n------WebKitFormBoundaryA--\r\n",
        "a\\",
        "text/plain",
    ),
];

const FROM_SCRIPTS: &[Sample] = &[
    (
        "fetch of Node.js, of old without a last line end",
        "multipart/form-data; boundary=----formdata-undici-056231853018",
        "------formdata-undici-056231853018\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
         Content-Type: text/plain;charset=utf-8\r\n\r\nhello\r\n------formdata-undici-056231853018--",
        "a.txt",
        "text/plain",
    ),
    (
        "form-data of npm, under axios, got and Postman",
        "multipart/form-data; boundary=--------------------------515890814546601021194782",
        "----------------------------515890814546601021194782\r\nContent-Disposition: form-data; name=\"file\"; \
         filename=\"a;b=c.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n----------------------------515890814546601021194782--\r\n",
        "a;b=c.txt",
        "text/plain",
    ),
    (
        "axios 1 in Node.js by itself",
        "multipart/form-data; boundary=axios-1.7.9-boundary-eWxhb_7NgqZ0y2sjwRG1iVX",
        "--axios-1.7.9-boundary-eWxhb_7NgqZ0y2sjwRG1iVX\r\nContent-Disposition: form-data; name=\"file\"; \
         filename=\"a%22.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--axios-1.7.9-boundary-eWxhb_7NgqZ0y2sjwRG1iVX--\r\n\r\n",
        "a\".txt",
        "text/plain",
    ),
    (
        "requests of Python on urllib3 1, which declares nothing",
        "multipart/form-data; boundary=cb3ddf0a8a5a4cd1a5c7a7a0ddf7a1a2",
        "--cb3ddf0a8a5a4cd1a5c7a7a0ddf7a1a2\r\nContent-Disposition: form-data; name=\"file\"; \
         filename*=utf-8''%C3%9Cbung.pdf\r\n\r\n%PDF-1.4\r\n--cb3ddf0a8a5a4cd1a5c7a7a0ddf7a1a2--\r\n",
        "Übung.pdf",
        "application/pdf",
    ),
    (
        "aiohttp",
        "multipart/form-data; boundary=8b6c1c2f7b6e4f0a",
        "--8b6c1c2f7b6e4f0a\r\nContent-Type: text/plain\r\nContent-Disposition: form-data; name=\"file\"; \
         filename=\"%C3%9Cbung.txt\"; filename*=utf-8''%C3%9Cbung.txt\r\nContent-Length: 5\r\n\r\nhello\r\n--8b6c1c2f7b6e4f0a--\r\n",
        "Übung.txt",
        "text/plain",
    ),
    (
        "Guzzle of PHP",
        "multipart/form-data; boundary=a8f1c0a0e9c0d3f6b5b9c6c8f7f5b7a3",
        "--a8f1c0a0e9c0d3f6b5b9c6c8f7f5b7a3\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
         Content-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello\r\n--a8f1c0a0e9c0d3f6b5b9c6c8f7f5b7a3--\r\n",
        "a.txt",
        "text/plain",
    ),
    (
        "multipart-post of Ruby",
        "multipart/form-data; boundary=-----------RubyMultipartPost-9f2e",
        "-------------RubyMultipartPost-9f2e\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
         Content-Length: 5\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\nhello\r\n\
         -------------RubyMultipartPost-9f2e--\r\n",
        "a.txt",
        "text/plain",
    ),
];

const FROM_PROGRAMS: &[Sample] = &[
    (
        ".NET",
        "multipart/form-data; boundary=\"1f0a8c2e-6f3b-4a8e-9a51-3d0c9d9b2b10\"",
        "--1f0a8c2e-6f3b-4a8e-9a51-3d0c9d9b2b10\r\nContent-Type: text/plain\r\nContent-Disposition: form-data; name=file; \
         filename=\"=?utf-8?B?w5xidW5nLnR4dA==?=\"; filename*=utf-8''%C3%9Cbung.txt\r\n\r\nhello\r\n\
         --1f0a8c2e-6f3b-4a8e-9a51-3d0c9d9b2b10--\r\n",
        "Übung.txt",
        "text/plain",
    ),
    (
        ".NET, where a name is set by itself",
        "multipart/form-data; boundary=\"1f0a8c2e-6f3b-4a8e-9a51-3d0c9d9b2b10\"",
        "--1f0a8c2e-6f3b-4a8e-9a51-3d0c9d9b2b10\r\nContent-Disposition: form-data; name=file; \
         filename=\"=?utf-8?B?w5xidW5nLnR4dA==?=\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n\
         --1f0a8c2e-6f3b-4a8e-9a51-3d0c9d9b2b10--\r\n",
        "Übung.txt",
        "text/plain",
    ),
    (
        "OkHttp and Retrofit",
        "multipart/form-data; boundary=2b7d9c7a-0b0e-4a92-9f2f-5a0c8c6f3f11",
        "--2b7d9c7a-0b0e-4a92-9f2f-5a0c8c6f3f11\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%22b.txt\"\r\n\
         Content-Transfer-Encoding: binary\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello\r\n\
         --2b7d9c7a-0b0e-4a92-9f2f-5a0c8c6f3f11--\r\n",
        "a\"b.txt",
        "text/plain",
    ),
    (
        "http of Dart",
        "multipart/form-data; boundary=dart-http-boundary-+0-AbCd.Ef_gh1234567890abcdefghijklmnopqrstuvwx",
        "--dart-http-boundary-+0-AbCd.Ef_gh1234567890abcdefghijklmnopqrstuvwx\r\n\
         content-disposition: form-data; name=\"note\"\r\ncontent-type: text/plain; charset=utf-8\r\n\
         content-transfer-encoding: binary\r\n\r\nÜ\r\n\
         --dart-http-boundary-+0-AbCd.Ef_gh1234567890abcdefghijklmnopqrstuvwx\r\n\
         content-type: text/plain; charset=utf-8\r\ncontent-disposition: form-data; name=\"file\"; \
         filename=\"a%22Ü.txt\"\r\n\r\nhello\r\n--dart-http-boundary-+0-AbCd.Ef_gh1234567890abcdefghijklmnopqrstuvwx--\r\n",
        "a\"Ü.txt",
        "text/plain",
    ),
    (
        "dio of Dart",
        "multipart/form-data; boundary=--dio-boundary-3788054671",
        "----dio-boundary-3788054671\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
         content-type: text/plain\r\n\r\nhello\r\n----dio-boundary-3788054671--\r\n",
        "a.txt",
        "text/plain",
    ),
    (
        "mime/multipart of Go",
        "multipart/form-data; boundary=2d7a2f3e9b6c41b7a6f0c5d8e1f4a7b0c3d6e9f2a5b8c1d4e7f0a3b6c9d2",
        "--2d7a2f3e9b6c41b7a6f0c5d8e1f4a7b0c3d6e9f2a5b8c1d4e7f0a3b6c9d2\r\nContent-Disposition: form-data; name=\"file\"; \
         filename=\"a\\\"b.pdf\"\r\nContent-Type: application/octet-stream\r\n\r\n%PDF-1.7\r\n\
         --2d7a2f3e9b6c41b7a6f0c5d8e1f4a7b0c3d6e9f2a5b8c1d4e7f0a3b6c9d2--\r\n",
        "a\"b.pdf",
        "application/pdf",
    ),
    (
        "Apache HttpClient",
        "multipart/form-data; charset=ISO-8859-1; boundary=0xKhTmLbOuNdArY-_1",
        "--0xKhTmLbOuNdArY-_1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
         Content-Type: text/plain; charset=ISO-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nhello\r\n--0xKhTmLbOuNdArY-_1--\r\n",
        "a.txt",
        "text/plain",
    ),
    (
        "RestTemplate of Spring",
        "multipart/form-data;boundary=Z0o9gGAKdkp-Fq;charset=UTF-8",
        "--Z0o9gGAKdkp-Fq\r\nContent-Disposition: form-data; name=\"file\"; filename=\"=?UTF-8?Q?=C3=9Cbung_1.txt?=\"; \
         filename*=UTF-8''%C3%9Cbung%201.txt\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello\r\n--Z0o9gGAKdkp-Fq--\r\n",
        "Übung 1.txt",
        "text/plain",
    ),
    (
        "Alamofire",
        "multipart/form-data; boundary=alamofire.boundary.7b3c9e2f1a4d5b6c",
        "--alamofire.boundary.7b3c9e2f1a4d5b6c\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
         Content-Type: text/plain\r\n\r\nhello\r\n--alamofire.boundary.7b3c9e2f1a4d5b6c--\r\n",
        "a.txt",
        "text/plain",
    ),
    (
        "a boundary of mail without the quotation marks it needs",
        "Multipart/Form-Data; Boundary=----=_Part_3_1841.1700000000000",
        "------=_Part_3_1841.1700000000000\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
         Content-Type: text/plain\r\nContent-Transfer-Encoding: 7bit\r\n\r\nhello\r\n------=_Part_3_1841.1700000000000--\r\n",
        "a.txt",
        "text/plain",
    ),
    (
        "words before, between and behind, and blanks behind a boundary",
        "multipart/form-data; boundary=\"a b:c\"",
        "This is a form.\r\n--a b:c  \r\nCONTENT-DISPOSITION: Form-Data; NAME=\"file\"; FILENAME=a b.txt\r\n\
         CONTENT-TYPE: TEXT/PLAIN\r\n\r\nhello\r\n--a b:c--\r\nThat was a form.\r\n",
        "a b.txt",
        "text/plain",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn forms_of_every_library_come_with_their_names_and_types() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    for (client, header, body, name, kind) in
        [FROM_COMMAND_LINES_AND_BROWSERS, FROM_SCRIPTS, FROM_PROGRAMS].into_iter().flatten()
    {
        let request = alice.request(Method::POST, "/api/files").header("content-type", *header).body(*body);
        let answer = alice.fetch(request).await;
        assert_eq!(answer.status, 201, "{client}: {}", answer.text);
        let kept = answer.ok();
        assert_eq!((&kept["fileName"], &kept["contentType"]), (&json!(name), &json!(kind)), "{client}");
        let bytes = ["%PDF-1.7", "%PDF-1.4", "hello\n", "hello"].into_iter().find(|bytes| {
            let last = body.rsplit_once("\r\n--").map_or("", |(before, _)| before);
            last.ends_with(&format!("\r\n\r\n{bytes}"))
        });
        assert_eq!(kept["size"], bytes.map_or(0, str::len), "{client}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_client_should_write_is_refused_with_a_reason() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let plain = "form-data; name=\"file\"; filename=\"a.txt\"";
    let cases: [(&[u8], &str, u16, &str); 5] = [
        (
            b"form-data; name=\"file\"; filename=\"a%0D%0Ab.txt\"",
            "",
            400,
            "The file name cannot hold line breaks or control characters",
        ),
        (
            b"form-data; name=\"file\"; filename=\"=?utf-8?B?DQo=?=\"",
            "",
            400,
            "The file name cannot hold line breaks or control characters",
        ),
        (b"form-data; name=\"file\"; filename=\"caf\xe9.txt\"", "", 400, "The names in a form must be UTF-8"),
        (plain.as_bytes(), "base64", 415, "The parts of a form cannot have a transfer encoding"),
        (plain.as_bytes(), "quoted-printable", 415, "The parts of a form cannot have a transfer encoding"),
    ];
    for (disposition, encoding, status, sentence) in cases {
        let encoding =
            if encoding.is_empty() { String::new() } else { format!("Content-Transfer-Encoding: {encoding}\r\n") };
        let body =
            [b"--x\r\nContent-Disposition: ", disposition, b"\r\n", encoding.as_bytes(), b"\r\naGVsbG8=\r\n--x--\r\n"];
        let request =
            alice.request(Method::POST, "/api/files").header("content-type", "multipart/form-data; boundary=x");
        let answer = alice.fetch(request.body(body.concat())).await;
        let code = if status == 400 { "BAD_REQUEST" } else { "UNSUPPORTED_MEDIA_TYPE" };
        answer.refused(status, code, sentence);
    }
    for header in ["multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"", "multipart/form-data; x=y"] {
        let request = alice.request(Method::POST, "/api/files").header("content-type", header).body("--x--\r\n");
        alice.fetch(request).await.refused(400, "BAD_REQUEST", "The form has no boundary");
    }
}
