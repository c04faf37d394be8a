//! The files of `deploy` for proxies, each in front of a real server. `CONFAB_TEST_NGINX` and `CONFAB_TEST_CADDY` name the
//! programs; where they are not set there is nothing to be in front of.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use super::believer::{Believer, use_all_doors};
use crate::process::{Home, Process};
use crate::sockets::until;

/// A proxy in front of a server, at this address and below this path.
struct Proxied {
    home: Home,
    believer: Believer,
    server: Process,
    address: SocketAddr,
    prefix: &'static str,
    _proxy: Child,
}

async fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("an address")
}

fn deployed(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)).expect("it is there")
}

/// Puts what this machine has in the place of what an operator would write there, all of which has to be in the file.
fn placed(file: &str, places: &[(&str, String)]) -> String {
    places.iter().fold(deployed(file), |text, (theirs, ours)| {
        assert!(text.contains(theirs), "{file} has no {theirs:?}");
        text.replace(theirs, ours)
    })
}

impl Proxied {
    /// Starts a server, and in front of it the proxy whose settings `write` makes of the addresses of both and its folder.
    async fn start(
        prefix: &'static str,
        program: &str,
        write: impl FnOnce(&Path, SocketAddr, SocketAddr) -> Vec<String>,
    ) -> Self {
        let home = Home::new().await;
        let believer = Believer::in_a_new_certificate(&home.folder);
        let address = free_address().await;
        let public_url = format!("server.public_url=https://{address}{prefix}");
        let server = home.serve(&["--set", &public_url, "--set", "server.trusted_proxies=127.0.0.1"]).await;
        let arguments = write(&home.folder, address, server.address);
        let proxy = Command::new(program)
            .args(arguments)
            .envs(["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"].map(|name| (name, home.folder.clone())))
            .env("CHAT_HOST", format!("https://{address}"))
            .env("CHAT_SERVER", server.address.to_string())
            .current_dir(&home.folder)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        until("the proxy is ready", || believer.reaches(address, prefix)).await;
        Self { home, believer, server, address, prefix, _proxy: proxy }
    }

    /// What holds whoever stands in front.
    async fn is_a_chat(&self) {
        let Self { home, believer, address, prefix, .. } = self;
        use_all_doors(home, believer, *address, prefix).await;
        let base = format!("https://{address}{prefix}");

        let zoe = home.token(7, "Zoe").await;
        let file = self.server.somebody(7, &zoe, "Zoe").upload("notes.txt", "text/plain", b"over TLS").await;
        let link = file["url"].as_str().expect("a link");
        assert!(link.starts_with(&format!("{base}/api/files/")), "{link}");
        assert_eq!(believer.get(link).await.text().await.expect("text"), "over TLS");

        assert_eq!(believer.get(&format!("{base}/metrics")).await.status(), 404);
        for (page, part) in [("/graphql", "graphiql/page.js"), ("/chat", "site/chat.js"), ("/api/docs", "docs/page.js")]
        {
            let whole = believer.get(&format!("{base}{page}")).await.text().await.expect("text");
            let file = whole.split('"').find(|text| text.starts_with(part.trim_end_matches(".js")));
            let file = file.unwrap_or_else(|| panic!("{page} names no {part}: {whole}"));
            let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
            assert_eq!(believer.get(&format!("{base}{folder}/{file}")).await.status(), 200, "{page}: {file}");
        }
        let iframe = believer.get(&format!("{base}/ws/chat/iframe.html")).await.text().await.expect("text");
        let script = iframe.split('"').find(|text| text.ends_with(".min.js")).expect("the client's script");
        assert_eq!(believer.get(script).await.status(), 200, "{script}");

        // Another host is another origin, whatever the proxy passes on.
        let refused = believer.ask_from("https://evil.example", &format!("{base}/ws/chat/info")).await;
        assert_eq!(refused.status(), 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_nginx_below_a_path_and_with_tls_all_three_doors_are_there() {
    let Ok(nginx) = std::env::var("CONFAB_TEST_NGINX") else { return };
    let proxied = Proxied::start("/chat", &nginx, |folder, address, server| {
        let site = placed(
            "nginx.conf",
            &[
                ("listen 80;", format!("listen unix:{}/plain;", folder.display())),
                ("listen 443 ssl", format!("listen {address} ssl")),
                ("server 127.0.0.1:1337;", format!("server {server};")),
                ("/etc/letsencrypt/live/chat.example.org/fullchain.pem", folder.join("cert.pem").display().to_string()),
                ("/etc/letsencrypt/live/chat.example.org/privkey.pem", folder.join("key.pem").display().to_string()),
            ],
        );
        // What is around it on a machine with nginx.
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary: String = temporary.map(|what| format!("{what}_temp_path temp_{what};\n")).concat();
        let whole = format!(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nevents {{ }}\nhttp {{\naccess_log off;\n{temporary}include site.conf;\n}}\n"
        );
        fs::write(folder.join("site.conf"), site).expect("it is written");
        fs::write(folder.join("nginx.conf"), whole).expect("it is written");
        let (home, main) = (folder.display().to_string(), folder.join("nginx.conf").display().to_string());
        ["-e", "stderr", "-p", &home, "-c", &main].map(str::to_owned).to_vec()
    })
    .await;
    proxied.is_a_chat().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_caddy_all_three_doors_are_there() {
    let Ok(caddy) = std::env::var("CONFAB_TEST_CADDY") else { return };
    let proxied = Proxied::start("", &caddy, |folder, _, _| {
        // Its own certificates are of the host that an operator has.
        let own = "\ttls cert.pem key.pem\n\trespond /metrics 404";
        let site = placed("Caddyfile", &[("\trespond /metrics 404", own.to_owned())]);
        let whole = format!("{{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}}\n{site}");
        fs::write(folder.join("Caddyfile"), whole).expect("it is written");
        ["run", "--config", "Caddyfile"].map(str::to_owned).to_vec()
    })
    .await;
    proxied.is_a_chat().await;
}
