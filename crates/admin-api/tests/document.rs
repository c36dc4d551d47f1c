//! The OpenAPI document, which stands in `docs/openapi.json` for those who write other clients.
//!
//! To write it again after changing the contract: `UPDATE_FIXTURES=1 cargo test -p admin-api`, then read the diff.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![expect(clippy::disallowed_methods, reason = "the document is a file")]

use std::collections::BTreeSet;
use std::path::Path;

use admin_api::{openapi, routes};
use serde_json::Value;

#[test]
fn the_document_in_the_repository_is_the_one_of_the_code() {
    let document = openapi().to_pretty_json().unwrap() + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&file, &document).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(document == written, "docs/openapi.json is not up to date; UPDATE_FIXTURES=1 writes it");
}

#[test]
fn every_route_is_described() {
    let document = serde_json::to_value(openapi()).unwrap();
    for route in routes::ALL {
        let operation = &document["paths"][route.template][route.method.word().to_lowercase()];
        assert_eq!(operation["operationId"], route.name);
        assert!(operation["responses"][route.success.to_string()].is_object(), "{}", route.name);
        assert_eq!(operation["requestBody"].is_object(), route.has_body(), "{}", route.name);
    }
}

#[test]
fn every_route_says_who_may_and_how_others_are_refused() {
    let document = serde_json::to_value(openapi()).unwrap();
    for route in routes::ALL {
        let operation = &document["paths"][route.template][route.method.word().to_lowercase()];
        assert_eq!(operation["x-role"], route.role.word(), "{}", route.name);
        for status in ["401", "403"] {
            let content = &operation["responses"][status]["content"]["application/problem+json"];
            assert_eq!(content["schema"]["$ref"], "#/components/schemas/Problem", "{} {status}", route.name);
        }
    }
}

#[test]
fn a_token_an_agents_certificate_or_the_local_socket_lets_in() {
    let document = serde_json::to_value(openapi()).unwrap();
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(
        (&schemes["bearer"]["type"], &schemes["bearer"]["scheme"]),
        (&"http".into(), &"bearer".into())
    );
    assert_eq!(schemes["mutual-tls"]["type"], "mutualTLS");
    let ways = serde_json::json!([{ "bearer": [] }, { "mutual-tls": [] }, {}]);
    assert_eq!(document["security"], ways);
}

#[test]
fn every_type_that_is_named_is_described() {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut named = BTreeSet::new();
    references(&document, &mut named);
    assert!(!named.is_empty());
    for name in named {
        let name = name.strip_prefix("#/components/schemas/").unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name} is not described");
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(target) if name == "$ref" => {
                        found.insert(target.clone());
                    }
                    other => references(other, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
