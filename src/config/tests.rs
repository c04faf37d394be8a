//! What the settings take and refuse, and in which words.

use std::fs;
use std::path::{Path, PathBuf};

use super::print::HIDDEN;
use super::*;

fn load(file: &str, env: &[(&str, &str)], sets: &[&str]) -> Result<Config, String> {
    let folder = std::env::temp_dir().join(format!("confab-config-{}", uuid::Uuid::new_v4()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("confab.toml");
    fs::write(&path, file).unwrap();
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let loaded = Config::load(Some(&path), env, &sets, |_| Ok(()));
    fs::remove_dir_all(&folder).unwrap();
    loaded.map_err(|error| error.to_string().replace(&format!("{}/", folder.display()), ""))
}

fn refused(sets: &[&str]) -> String {
    load("", &[], sets).unwrap_err().replace(" (from --set)", "")
}

#[test]
fn without_any_source_the_defaults_are_in_force() {
    assert_eq!(load("", &[], &[]).unwrap(), Config::default());
    assert_eq!(Config::default().database_url(), "sqlite:data/confab.db");
    assert_eq!(Config::default().storage_url(), "file:data/files");
    Config::default().check().unwrap();
}

#[test]
fn each_layer_goes_over_the_one_before() {
    let file =
        "[chat]\nmax_file_size_mb = 1\nquiet_group_size = 1\nmax_message_length = 1\n[limits]\nuploads_per_minute = 0";
    let env = [("CONFAB_CHAT__MAX_FILE_SIZE_MB", "2"), ("CONFAB_CHAT__QUIET_GROUP_SIZE", "2"), ("PATH", "/bin")];
    let config = load(file, &env, &["chat.max_file_size_mb=3"]).unwrap();
    assert_eq!((config.chat.max_file_size_mb, config.chat.quiet_group_size, config.chat.max_message_length), (3, 2, 1));
    assert_eq!((config.limits.uploads_per_minute, config.limits.messages_per_minute), (0, 30));
    assert_eq!(config.chat.max_file_bytes(), 3 * 1_048_576);
}

#[test]
fn types_come_from_the_setting_and_not_from_the_look_of_the_value() {
    let digits = "1".repeat(40);
    let config = load("", &[("CONFAB_AUTH__JWT_SECRET", &digits), ("CONFAB_AUTH__ISSUER", "true")], &[]).unwrap();
    assert_eq!(config.auth.jwt_secret, Some(digits));
    assert_eq!(config.auth.issuer.as_deref(), Some("true"));
    for (file, sentence) in [
        ("auth.jwt_secret = 12", "auth.jwt_secret must be text (from confab.toml)"),
        (
            "chat.max_message_length = 10.5",
            "chat.max_message_length must be a whole number, 0 or more (from confab.toml)",
        ),
        (
            "chat.max_message_length = true",
            "chat.max_message_length must be a whole number, 0 or more (from confab.toml)",
        ),
        ("graphql.graphiql = 1", "graphql.graphiql must be true or false (from confab.toml)"),
        ("cors.allowed_origins = [1]", "cors.allowed_origins must be a list of texts (from confab.toml)"),
    ] {
        assert_eq!(load(file, &[], &[]).unwrap_err(), sentence);
    }
}

#[test]
fn lists_are_separated_by_commas() {
    let origins = vec!["https://a.example".to_owned(), "http://localhost:3000".to_owned()];
    let env = [("CONFAB_CORS__ALLOWED_ORIGINS", "https://a.example, http://localhost:3000,")];
    assert_eq!(load("", &env, &[]).unwrap().cors.allowed_origins, origins);
    let file = "[cors]\nallowed_origins = [\"https://a.example\", \"http://localhost:3000\"]";
    assert_eq!(load(file, &[], &[]).unwrap().cors.allowed_origins, origins);
    assert!(load(file, &[], &["cors.allowed_origins="]).unwrap().cors.allowed_origins.is_empty());
    assert!(load("cors.allowed_origins = \"*\"", &[], &[]).unwrap().cors.any());
}

#[test]
fn an_empty_text_unsets_what_has_no_default() {
    let config = load("auth.issuer = \"me\"", &[("CONFAB_DATABASE__URL", "")], &["auth.issuer="]).unwrap();
    assert_eq!(config, Config::default());
}

#[test]
fn an_unknown_setting_is_named_with_its_source() {
    let sentence =
        "Unknown setting: chat.max_mesage_length, did you mean `chat.max_message_length`? (from confab.toml)";
    assert_eq!(load("[chat]\nmax_mesage_length = 5", &[], &[]).unwrap_err(), sentence);
    assert_eq!(load("nonsense = 1", &[], &[]).unwrap_err(), "Unknown setting: nonsense (from confab.toml)");
    assert_eq!(load("chat = 1", &[], &[]).unwrap_err(), "chat is a section, not a setting (from confab.toml)");
    assert_eq!(
        refused(&["chat.max-message-length=5"]),
        "Unknown setting: chat.max-message-length, did you mean `chat.max_message_length`?"
    );
    for (said, meant) in [
        ("server.bnid", "server.bind"),
        ("databse.url", "database.url"),
        ("limit.message_per_minute", "limits.messages_per_minute"),
        ("corse.allowed_origin", "cors.allowed_origins"),
        ("jwt_secret", "auth.jwt_secret"),
        ("security.jwt_secret", "auth.jwt_secret"),
    ] {
        let sentence = format!("Unknown setting: {said}, did you mean `{meant}`?");
        assert_eq!(refused(&[&format!("{said}=x")]), sentence);
    }
    // Three sections have one.
    assert_eq!(refused(&["url=5"]), "Unknown setting: url");
    assert_eq!(refused(&["server.bind.port=5"]), "Unknown setting: server.bind.port");
    assert_eq!(refused(&["=5"]), "Unknown setting: ");
    assert_eq!(
        refused(&["auth.jwt_secret:hush"]),
        "--set auth.jwt_secret has no value, write --set auth.jwt_secret=value"
    );
    let env = |name| load("", &[(name, "x")], &[]).unwrap_err();
    assert_eq!(env("CONFAB_CHAT__X"), "Unknown setting: chat.x (from CONFAB_CHAT__X)");
    assert_eq!(env("CONFAB_CHAT__X__Y"), "Unknown setting: chat.x.y (from CONFAB_CHAT__X__Y)");
    assert_eq!(
        env("CONFAB_DATABASE_URL"),
        "Unknown setting: CONFAB_DATABASE_URL, did you mean `CONFAB_DATABASE__URL`?"
    );
    assert_eq!(
        env("CONFAB_DATABSE__URL"),
        "Unknown setting: databse.url, did you mean `database.url`? (from CONFAB_DATABSE__URL)"
    );
    assert_eq!(env("CONFAB_NONSENSE"), "Unknown setting: CONFAB_NONSENSE");
}

#[test]
fn the_variables_of_a_kubernetes_service_and_of_the_tests_are_no_settings() {
    for name in [
        "CONFAB_PORT",
        "CONFAB_SERVICE_HOST",
        "CONFAB_SERVICE_PORT_HTTP",
        "CONFAB_PORT_1337_TCP_ADDR",
        "CONFAB_TEST_DATABASE",
    ] {
        assert_eq!(load("", &[(name, "tcp://10.0.0.1:1337")], &[]).unwrap(), Config::default());
    }
}

#[test]
fn bad_values_are_refused_by_name() {
    const BIND: &str = "server.bind must be a host and a port such as 127.0.0.1:1337, localhost:1337 or :1337";
    let long = "x".repeat(32);
    for (set, sentence) in [
        ("server.bind=localhost", BIND),
        ("server.bind=8080", BIND),
        ("server.bind=localhost:http", BIND),
        ("server.bind=::1:8080", BIND),
        ("server.bind=[localhost]:8080", BIND),
        ("server.bind=a b:8080", BIND),
        ("server.bind=localhost:70000", BIND),
        ("server.data_dir=", "server.data_dir must be a folder"),
        ("chat.max_message_length=0", "chat.max_message_length must be from 1 to 10000"),
        ("chat.max_message_length=-1", "chat.max_message_length must be a whole number, 0 or more"),
        ("chat.max_message_length=many", "chat.max_message_length must be a whole number, 0 or more"),
        ("chat.typing_indicator_ttl_seconds=0", "chat.typing_indicator_ttl_seconds must be from 1 to 3600"),
        ("log.retention_days=0", "log.retention_days must be from 1 to 3650"),
        ("log.retention_days=5000000000", "log.retention_days is too large"),
        ("log.format=xml", "log.format must be text or json"),
        (
            "log.level=verbose",
            "log.level must be error, warn, info, debug, trace, off or a filter such as info,confab=debug",
        ),
        (
            "log.level=confab=loud",
            "log.level must be error, warn, info, debug, trace, off or a filter such as info,confab=debug",
        ),
        ("presence.visibility=all", "presence.visibility must be shared or everyone"),
        ("stomp.heartbeat_ms=1", "stomp.heartbeat_ms must be 0 or from 100 to 3600000"),
        ("graphql.graphiql=yes", "graphql.graphiql must be true or false"),
        ("auth.jwt_secret=short", "auth.jwt_secret must be 32 bytes or longer"),
        ("auth.jwks=ftp://keys", "auth.jwks must be a file, or a URL that begins with https:// or http://"),
        ("database.url=mysql://db", "database.url must be a URL that begins with sqlite: or postgres://"),
        ("storage.url=https://bucket", "storage.url must be a URL that begins with file: or s3://"),
        ("storage.endpoint=minio", "storage.endpoint must be a URL that begins with https:// or http://"),
        (
            "broker.url=redis://r",
            "broker.url joins the nodes of a PostgreSQL database, and this one is SQLite, which has one: \
             set database.url to postgres://…, or leave broker.url out",
        ),
        (
            "server.trusted_proxies=127.0.0.1,10.0.0.0/33",
            "server.trusted_proxies must be addresses and networks such as 10.0.0.0/8, which \"10.0.0.0/33\" is not",
        ),
        (
            "server.metrics_bind=9090",
            "server.metrics_bind must be a host and a port such as 127.0.0.1:1337, localhost:1337 or :1337",
        ),
        ("server.tls_cert=cert.pem", "server.tls_cert needs server.tls_key beside it"),
        ("server.tls_key=key.pem", "server.tls_key needs server.tls_cert beside it"),
        ("cors.allowed_origins=*,https://a.example", "cors.allowed_origins is either * or a list of origins, not both"),
        (
            "chat.allowed_file_types=image",
            "chat.allowed_file_types must be a list of MIME patterns such as image/* or application/pdf",
        ),
    ] {
        assert_eq!(refused(&[set]), sentence, "{set}");
    }
    for origin in ["https://a.example/", "a.example", "null", "https://", "https://A.example", "https://u@a.example"] {
        assert!(refused(&[&format!("cors.allowed_origins={origin}")]).contains("must be * or origins"), "{origin}");
    }
    for url in [
        "chat.example.org",
        "ftp://a.example",
        "https://",
        "https://a.example/?x",
        "https://a.example/#x",
        "https://u:p@a.example",
        "https://a b",
    ] {
        let sentence = "server.public_url must be an address such as https://chat.example.org, without a query";
        assert_eq!(refused(&[&format!("server.public_url={url}")]), sentence, "{url}");
    }
    for url in
        ["10.0.0.7:1337", "https://10.0.0.7", "http://", "http://10.0.0.7/", "http://10.0.0.7/x", "http://u@10.0.0.7"]
    {
        let sentence = "cluster.address must be an address such as http://10.0.0.7:1337, without a path";
        assert_eq!(refused(&[&format!("cluster.address={url}")]), sentence, "{url}");
    }
    let certificate = ["server.tls_cert=cert.pem", "server.tls_key=key.pem", "cluster.address=http://10.0.0.7:1337"];
    assert!(load("", &[], &certificate[..2]).is_ok());
    assert!(refused(&certificate).starts_with("cluster.address is where other nodes reach this one without TLS"));
    let both = refused(&[&format!("auth.jwt_secret={long}"), "auth.jwks=keys.json"]);
    assert_eq!(both, "auth.jwks and auth.jwt_secret exclude each other, set one of them");
}

#[test]
fn good_values_are_taken() {
    for set in [
        "server.bind=[::1]:0",
        "server.bind=:8080",
        "server.bind=localhost:8080",
        "server.bind=chat.example.org:443",
        "server.public_url=https://chat.example.org",
        "server.public_url=http://localhost:1337/chat/",
        "server.metrics_bind=127.0.0.1:9090",
        "server.tls_cert=",
        "cluster.address=http://10.0.0.7:1337",
        "cluster.address=http://[fd00::7]:1337",
        "log.level=info,confab::stomp=debug,hyper=off",
        "log.format=json",
        "presence.visibility=everyone",
        "stomp.heartbeat_ms=0",
        "chat.quiet_group_size=0",
        "limits.messages_per_minute=0",
        "limits.creations_per_minute=0",
        "limits.searches_per_minute=0",
        "database.url=postgresql:///chat?host=/run/postgresql",
        "storage.url=s3://bucket/prefix",
        "auth.jwks=/etc/confab/keys.json",
        "cors.allowed_origins=capacitor://localhost,https://[::1]:8443",
        "cors.allowed_origins=http://localhost:*,http://[::1]:*",
        "chat.allowed_file_types=image/*,application/vnd.oasis.opendocument.text,*/*",
    ] {
        load("", &[], &[set]).unwrap();
    }
}

#[test]
fn a_file_that_is_missing_or_broken_is_named_without_showing_it() {
    let missing =
        Config::load(Some(Path::new("/nowhere/confab.toml")), std::iter::empty(), &[], |_| Ok(())).unwrap_err();
    assert_eq!(missing.to_string(), "There is no settings file /nowhere/confab.toml");
    let broken = load("[auth]\njwt_secret = \"a-private-thing\nissuer = 1", &[], &[]).unwrap_err();
    assert!(broken.starts_with("confab.toml is not valid TOML: line 2, column "), "{broken}");
    assert!(!broken.contains("private") && !broken.contains('\n'), "{broken}");
}

#[test]
fn what_is_printed_is_toml_without_secrets_and_reads_back() {
    let config = Config {
        database: Database {
            url: Some("postgres://chat:pa@ss/w?rd@db:5432/chat?sslpassword=deep".to_owned()),
            ..Database::default()
        },
        auth: Auth {
            jwt_secret: Some("deep".repeat(10)),
            issuer: Some("a \"b\"\u{7f}\n".to_owned()),
            ..Auth::default()
        },
        cors: Cors { allowed_origins: vec!["https://a.example".to_owned()] },
        ..Config::default()
    };
    let printed = config.print();
    for shown in [&printed, &format!("{config:?}")] {
        assert!(!shown.contains("deep") && !shown.contains("ss/w"), "{shown}");
    }
    assert!(printed.contains("url = \"postgres://chat:(hidden)@db:5432/chat?sslpassword=(hidden)\""), "{printed}");
    assert!(printed.contains("jwt_secret = \"(hidden)\""), "{printed}");
    assert!(printed.contains("# audience is not set"), "{printed}");

    let read: Config = toml::from_str(&printed).unwrap();
    let expected = Config {
        database: Database {
            url: Some("postgres://chat:(hidden)@db:5432/chat?sslpassword=(hidden)".to_owned()),
            ..Database::default()
        },
        storage: Storage { url: Some("file:data/files".to_owned()), ..Storage::default() },
        auth: Auth { jwt_secret: Some(HIDDEN.to_owned()), ..config.auth.clone() },
        ..config
    };
    assert!(read == expected);
    assert_eq!(load(&Config::default().print(), &[], &[]).unwrap().database_url(), "sqlite:data/confab.db");
}

#[test]
fn it_is_told_what_has_set_each_setting() {
    let folder = std::env::temp_dir().join(format!("confab-config-{}", uuid::Uuid::new_v4()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("confab.toml");
    fs::write(&path, "[chat]\nmax_file_size_mb = 3\nquiet_group_size = 4\n[auth]\nissuer = \"me\"\n").unwrap();
    let env = [("CONFAB_CHAT__QUIET_GROUP_SIZE", "5"), ("CONFAB_AUTH__ISSUER", "")];
    let env = env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let sets = ["log.format=json".to_owned()];
    let (config, sources) = Config::load_with_sources(Some(&path), env, &sets, |_| Ok(())).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let printed = config.print_with(&sources);
    for line in [
        &format!("max_file_size_mb = 3  # {}", path.display()),
        "quiet_group_size = 5  # CONFAB_CHAT__QUIET_GROUP_SIZE",
        "# issuer is not set  # CONFAB_AUTH__ISSUER",
        "format = \"json\"  # --set",
        "max_message_length = 10000  # default",
        "# audience is not set  # default",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} is missing in {printed}");
    }
    assert_eq!(load(&printed, &[], &[]).unwrap().chat, config.chat);
}

#[test]
fn the_file_to_begin_with_has_every_setting_with_its_default_and_says_what_it_does() {
    let sample = sample();
    assert_eq!(load(&sample, &[], &[]).unwrap(), Config::default(), "all is switched off");
    let on: Vec<&str> =
        sample.lines().map(|line| line.strip_prefix('#').filter(|on| !on.starts_with(' ')).unwrap_or(line)).collect();
    let switched_on: toml::Table = toml::from_str(&on.join("\n")).unwrap();
    let all = tree(&Config::default());
    for (section, settings) in all.as_object().unwrap() {
        let there: Vec<&String> = switched_on[section.as_str()].as_table().unwrap().keys().collect();
        assert_eq!(there.len(), settings.as_object().unwrap().len(), "{section}: {there:?}");
    }
    assert_eq!(load(&on.join("\n"), &[], &[]).unwrap(), Config::default());
    let lines: Vec<&str> = sample.lines().collect();
    for (n, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with('#') && !line.starts_with("# ")) {
        let before = lines[n - 1];
        assert!(before.starts_with("# ") && before.len() > 2, "{line} is not explained");
    }
}

#[test]
fn a_data_folder_with_odd_characters_makes_a_whole_url() {
    let server = Server { data_dir: PathBuf::from("/var/50% a?b#c"), ..Server::default() };
    let config = Config { server, ..Config::default() };
    assert_eq!(config.database_url(), "sqlite:/var/50%25 a%3Fb%23c/confab.db");
}

const ENDPOINT: &str = r#"
[[webhooks.endpoints]]
url = "https://example.org/hook"
events = ["chat_message.sent", "chat_participant.added"]
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"#;

#[test]
fn webhook_endpoints_stand_in_the_file_and_print_without_their_secret() {
    let second =
        ENDPOINT.replace("/hook", "/all").replace("events = [\"chat_message.sent\", \"chat_participant.added\"]", "");
    let config = load(&format!("{ENDPOINT}{second}"), &[], &[]).unwrap();
    let [one, all] = config.webhooks.endpoints.as_slice() else { panic!("two endpoints") };
    assert_eq!((one.url.as_str(), one.events.len()), ("https://example.org/hook", 2));
    assert_eq!((all.url.as_str(), all.events.len()), ("https://example.org/all", 0));
    assert!(!config.print().contains("MfKQ9r8"), "{}", config.print());
    let read: Config = toml::from_str(&config.print()).unwrap();
    assert_eq!(read.webhooks.endpoints[0].events, one.events);

    let refused = |from: &str, to: &str| load(&ENDPOINT.replace(from, to), &[], &[]).unwrap_err();
    let form = "webhooks.endpoints must be tables [[webhooks.endpoints]] with url, events and secret in the settings \
        file (from confab.toml)";
    assert_eq!(refused("url", "uri"), form);
    assert_eq!(refused("\"https://example.org/hook\"", "1"), form);
    assert!(load("", &[], &["webhooks.endpoints=https://example.org"]).is_err());
}

#[test]
fn the_pauses_of_webhooks_are_numbers_from_any_source() {
    assert_eq!(load("", &[], &["webhooks.retry_seconds=1, 2"]).unwrap().webhooks.retry_seconds, [1, 2]);
    assert_eq!(load("webhooks.retry_seconds = [0, 3]", &[], &[]).unwrap().webhooks.retry_seconds, [0, 3]);
    assert_eq!(load("", &[], &["webhooks.retry_seconds="]).unwrap().webhooks.retry_seconds, [0; 0]);
    let numbers = "webhooks.retry_seconds must be a list of whole numbers, 0 or more";
    for set in ["webhooks.retry_seconds=soon", "webhooks.retry_seconds=-1"] {
        assert_eq!(refused(&[set]), numbers);
    }
    assert!(refused(&["webhooks.retry_seconds=604801"]).contains("at most 604800 seconds"));
}
