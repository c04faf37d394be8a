//! Tests with tokens in the very shape in which identity providers and libraries make them, under the settings that
//! `docs/operations.md` names for each.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::{Claims, Subject, Tokens};
use crate::config::{Auth, SecretEncoding, UserIds};
use crate::entity::clock;

const RSA: &str = include_str!("../../tests/keys/rsa.pem");
const EC: &str = include_str!("../../tests/keys/ec.pem");
const SECRET: &str = "super-secret-jwt-token-with-at-least-32-characters-long";

/// A provider: how it signs, and the settings for it.
struct Provider {
    algorithm: Algorithm,
    key: EncodingKey,
    auth: Auth,
    folder: std::path::PathBuf,
}

impl Provider {
    /// One whose keys are a JWKS, in which it says more than is needed, as they do.
    fn with_jwks(algorithm: Algorithm, change: impl FnOnce(&mut Auth)) -> Self {
        let key = match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_pem(EC.as_bytes()).unwrap(),
            _ => EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap(),
        };
        let mut jwk = Jwk::from_encoding_key(&key, algorithm).unwrap();
        jwk.common.key_id = Some("k1".to_owned());
        let mut own = serde_json::to_value(&jwk).unwrap();
        own["use"] = json!("sig");
        own["x5t"] = json!("BB8CeFVqyaGrGNuehJIiL4dfjzw");
        let mut others = own.clone();
        (others["kid"], others["use"], others["alg"]) = (json!("k2"), json!("enc"), json!("RSA-OAEP"));
        let folder = std::env::temp_dir().join(format!("confab-provider-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("jwks.json");
        std::fs::write(&file, json!({ "keys": [others, own] }).to_string()).unwrap();
        let jwks = Some(file.display().to_string());
        let mut auth = Auth { jwks, user_ids: UserIds::Text, ..Auth::default() };
        change(&mut auth);
        Self { algorithm, key, auth, folder }
    }

    fn with_secret(algorithm: Algorithm, key: &[u8], change: impl FnOnce(&mut Auth)) -> Self {
        let mut auth = Auth { user_ids: UserIds::Text, ..Auth::default() };
        change(&mut auth);
        Self { algorithm, key: EncodingKey::from_secret(key), auth, folder: std::env::temp_dir().join("confab-none") }
    }

    /// What a token with these claims comes to; `iat`, `exp` and the like are added.
    async fn read(&self, typ: Option<&str>, mut claims: Value) -> Claims {
        let now = clock::now().timestamp();
        (claims["iat"], claims["exp"]) = (json!(now), json!(now + 300));
        let kid = self.auth.jwks.is_some().then(|| "k1".to_owned());
        let header = Header { typ: typ.map(str::to_owned), kid, ..Header::new(self.algorithm) };
        let token = encode(&header, &claims, &self.key).unwrap();
        let tokens = Tokens::open(&self.auth, &self.folder).await.unwrap();
        tokens.verify(&token).await.unwrap_or_else(|refused| panic!("{}: {claims}", refused.message))
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn is(claims: &Claims, user: &str, name: Option<&str>, admin: bool) {
    assert_eq!((&claims.user, claims.name.as_deref(), claims.admin), (&Subject::Text(user.to_owned()), name, admin));
}

#[tokio::test]
async fn of_keycloak() {
    let keycloak = Provider::with_jwks(Algorithm::RS256, |auth| {
        auth.issuer = Some("https://id.example.org/realms/team".to_owned());
        auth.audience = Some("account".to_owned());
        auth.roles_claim = "realm_access.roles".to_owned();
    });
    let claims = json!({
        "auth_time": 1_795_000_000, "jti": "onrtac:63b6a0ab-0b8e-4c5d-8b12-5f5a3a1d7f0e",
        "iss": "https://id.example.org/realms/team", "aud": ["chat", "account"],
        "sub": "f8a3b1de-91c6-4a0f-bd2f-3f2f6f1a1d55", "typ": "Bearer", "azp": "chat",
        "sid": "c0b7e2a4-1f0e-4a5e-8d53-9b5a6c1c2f11", "acr": "1", "allowed-origins": ["https://chat.example.org"],
        "realm_access": { "roles": ["default-roles-team", "offline_access", "admin"] },
        "resource_access": { "account": { "roles": ["manage-account", "view-profile"] } },
        "scope": "openid profile email", "email_verified": true, "name": "Ada Lovelace",
        "preferred_username": "ada", "given_name": "Ada", "family_name": "Lovelace", "email": "ada@example.org",
    });
    is(&keycloak.read(Some("JWT"), claims).await, "f8a3b1de-91c6-4a0f-bd2f-3f2f6f1a1d55", Some("Ada Lovelace"), true);
}

#[tokio::test]
async fn of_auth0() {
    let auth0 = Provider::with_jwks(Algorithm::RS256, |auth| {
        auth.issuer = Some("https://team.eu.auth0.com/".to_owned());
        auth.audience = Some("https://chat.example.org/api".to_owned());
        auth.name_claim = vec!["https://chat.example.org/name".to_owned(), "name".to_owned()];
        auth.roles_claim = "https://chat.example.org/roles".to_owned();
    });
    let claims = json!({
        "https://chat.example.org/roles": ["admin"], "https://chat.example.org/name": "Ada",
        "iss": "https://team.eu.auth0.com/", "sub": "auth0|64f1c0ffee64f1c0ffee64f1",
        "aud": ["https://chat.example.org/api", "https://team.eu.auth0.com/userinfo"],
        "azp": "Xs8fP2l3nq", "scope": "openid profile email", "permissions": [],
    });
    is(&auth0.read(Some("at+jwt"), claims).await, "auth0|64f1c0ffee64f1c0ffee64f1", Some("Ada"), true);
}

#[tokio::test]
async fn of_supabase() {
    let claims = json!({
        "aal": "aal1", "amr": [{ "method": "password", "timestamp": 1_795_000_000 }],
        "app_metadata": { "provider": "email", "providers": ["email"], "roles": ["admin"] },
        "aud": "authenticated", "email": "ada@example.org", "is_anonymous": false,
        "iss": "https://abcdefghijklmnop.supabase.co/auth/v1", "phone": "", "role": "authenticated",
        "session_id": "5c6a7bfa-2c8b-46b5-8d75-4f0d8b2f9d2d", "sub": "1f0c8a52-7d0e-4c4e-9a55-0d8f8f4b6c1a",
        "user_metadata": { "full_name": "Ada Lovelace", "avatar_url": "https://p.example/a.png" },
    });
    let settings = |auth: &mut Auth| {
        auth.audience = Some("authenticated".to_owned());
        auth.name_claim = vec!["user_metadata.full_name".to_owned(), "email".to_owned()];
        auth.picture_claim = "user_metadata.avatar_url".to_owned();
        auth.roles_claim = "app_metadata.roles".to_owned();
    };
    // Older projects sign with the secret, newer ones with a key.
    for supabase in [
        Provider::with_secret(Algorithm::HS256, SECRET.as_bytes(), |auth| {
            settings(auth);
            auth.jwt_secret = Some(SECRET.to_owned());
        }),
        Provider::with_jwks(Algorithm::ES256, settings),
    ] {
        let read = supabase.read(Some("JWT"), claims.clone()).await;
        is(&read, "1f0c8a52-7d0e-4c4e-9a55-0d8f8f4b6c1a", Some("Ada Lovelace"), true);
        assert_eq!(read.picture.as_deref(), Some("https://p.example/a.png"));
    }
}

#[tokio::test]
async fn of_firebase() {
    let firebase = Provider::with_jwks(Algorithm::RS256, |auth| {
        auth.issuer = Some("https://securetoken.google.com/team-1234".to_owned());
        auth.audience = Some("team-1234".to_owned());
        auth.roles_claim = "admin".to_owned();
    });
    let claims = json!({
        "name": "Ada Lovelace", "picture": "https://lh3.googleusercontent.com/a/abc=s96-c", "admin": true,
        "iss": "https://securetoken.google.com/team-1234", "aud": "team-1234", "auth_time": 1_795_000_000,
        "user_id": "kX3pLq9ZtRfGh2Vb7NcM1sDe4Wy2", "sub": "kX3pLq9ZtRfGh2Vb7NcM1sDe4Wy2", "email_verified": true,
        "firebase": { "identities": { "google.com": ["1234567890"] }, "sign_in_provider": "google.com" },
    });
    is(&firebase.read(Some("JWT"), claims).await, "kX3pLq9ZtRfGh2Vb7NcM1sDe4Wy2", Some("Ada Lovelace"), true);
}

#[tokio::test]
async fn of_cognito() {
    let issuer = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI";
    let cognito = Provider::with_jwks(Algorithm::RS256, |auth| {
        auth.issuer = Some(issuer.to_owned());
        auth.name_claim = vec!["name".to_owned(), "cognito:username".to_owned(), "username".to_owned()];
        auth.roles_claim = "cognito:groups".to_owned();
    });
    let id_token = json!({
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "cognito:groups": ["admin"], "email_verified": true,
        "iss": issuer, "cognito:username": "ada", "origin_jti": "o", "aud": "4jd9f8s7d6f5", "event_id": "e",
        "token_use": "id", "auth_time": 1_795_000_000, "jti": "j", "email": "ada@example.org",
    });
    is(&cognito.read(None, id_token).await, "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", Some("ada"), true);
    let access_token = json!({
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "iss": issuer, "client_id": "4jd9f8s7d6f5", "origin_jti": "o",
        "event_id": "e", "token_use": "access", "scope": "aws.cognito.signin.user.admin", "jti": "j", "username": "ada",
    });
    is(&cognito.read(None, access_token).await, "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", Some("ada"), false);
}

#[tokio::test]
async fn of_entra() {
    let issuer = "https://login.microsoftonline.com/9122040d-6c67-4c5b-b112-36a304b66dad/v2.0";
    let entra = Provider::with_jwks(Algorithm::RS256, |auth| {
        auth.issuer = Some(issuer.to_owned());
        auth.audience = Some("6cb04018-a3f5-46a7-b995-940c78f5aef3".to_owned());
        auth.user_claim = "oid".to_owned();
    });
    let claims = json!({
        "aud": "6cb04018-a3f5-46a7-b995-940c78f5aef3", "iss": issuer, "nbf": clock::now().timestamp(),
        "aio": "Df2UVXL1ix!lMCWMSOJBcFatzcGfvFGhjKv8q5g0x732dR5MB5BisvGQO7YWByjd8iQDLq!eGbIDakyp5mnOrcdqHe",
        "name": "Ada Lovelace", "oid": "00000000-0000-0000-66f3-3332eca7ea81", "preferred_username": "ada@example.org",
        "rh": "0.", "roles": ["admin"], "scp": "access_as_user", "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        "tid": "9122040d-6c67-4c5b-b112-36a304b66dad", "uti": "fqiBqXLPj0eQa82S-IYFAA", "ver": "2.0",
    });
    is(&entra.read(Some("JWT"), claims).await, "00000000-0000-0000-66f3-3332eca7ea81", Some("Ada Lovelace"), true);
}

#[tokio::test]
async fn of_clerk() {
    let clerk = Provider::with_jwks(Algorithm::RS256, |auth| {
        auth.issuer = Some("https://clerk.example.org".to_owned());
        auth.roles_claim = "o.rol".to_owned();
    });
    let claims = json!({
        "azp": "https://chat.example.org", "fva": [0, -1], "iss": "https://clerk.example.org",
        "jti": "a1b2c3", "nbf": clock::now().timestamp() - 10, "o": { "id": "org_2x", "rol": "admin", "slg": "team" },
        "sid": "sess_2xAbCd", "sts": "active", "sub": "user_2NNEqL2nrIRdJ194ndJqAHwEfxC", "v": 2,
    });
    is(&clerk.read(Some("JWT"), claims).await, "user_2NNEqL2nrIRdJ194ndJqAHwEfxC", None, true);
}

#[tokio::test]
async fn of_spring_authorization_server() {
    let spring = Provider::with_jwks(Algorithm::RS256, |auth| {
        auth.issuer = Some("https://auth.example.org".to_owned());
        auth.audience = Some("chat-client".to_owned());
        auth.name_claim = vec!["name".to_owned(), "sub".to_owned()];
        auth.roles_claim = "scope".to_owned();
        auth.admin_role = "chat.admin".to_owned();
    });
    let claims = json!({
        "sub": "ada", "aud": "chat-client", "nbf": clock::now().timestamp(), "scope": ["openid", "chat.admin"],
        "iss": "https://auth.example.org", "jti": "3e1b6d0c-0f37-4d0e-9d5b-1d6f9b4f7a11",
    });
    is(&spring.read(None, claims).await, "ada", Some("ada"), true);
}

#[tokio::test]
async fn of_jjwt() {
    // JJWT takes the secret in base64, and the algorithm by its length.
    let bytes: Vec<u8> = (0..64).collect();
    let text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";
    let settings = |auth: &mut Auth| {
        auth.jwt_secret = Some(text.to_owned());
        auth.jwt_secret_encoding = SecretEncoding::Base64;
        auth.roles_claim = "authorities".to_owned();
        auth.admin_role = "ROLE_ADMIN".to_owned();
    };
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let jjwt = Provider::with_secret(algorithm, &bytes, settings);
        let claims = json!({ "sub": "ada@example.org", "authorities": ["ROLE_USER", "ROLE_ADMIN"], "name": "Ada" });
        is(&jjwt.read(None, claims).await, "ada@example.org", Some("Ada"), true);
    }
    // Users who have numbers keep them.
    let mut jjwt = Provider::with_secret(Algorithm::HS512, &bytes, settings);
    (jjwt.auth.user_ids, jjwt.auth.user_claim) = (UserIds::Number, "userId".to_owned());
    let claims = jjwt.read(None, json!({ "sub": "ada@example.org", "userId": 42 })).await;
    assert_eq!(claims.user, Subject::Number(42));
}
