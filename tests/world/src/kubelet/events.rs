use std::collections::HashMap;

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Writes events of one component, in the background: nobody waits for an event.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    queue: mpsc::UnboundedSender<Item>,
}

#[derive(Debug)]
struct Item {
    about: ObjectReference,
    kind: EventKind,
    reason: String,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum EventKind {
    Normal,
    Warning,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    about: Option<String>,
    part: Option<String>,
    reason: String,
    message: String,
}

#[derive(Debug)]
struct Written {
    name: String,
    count: i32,
}

const LONGEST: usize = 1000;

impl Events {
    pub(crate) fn new(client: Client, component: &'static str, host: &str, tasks: &mut JoinSet<()>) -> Self {
        let (queue, items) = mpsc::unbounded_channel();
        tasks.spawn(Writer { client, component, host: host.to_owned(), written: HashMap::new() }.run(items));
        Self { queue }
    }

    pub(crate) fn publish(&self, about: &ObjectReference, kind: EventKind, reason: &str, message: &str) {
        // The API refuses longer ones.
        let message = message.chars().take(LONGEST).collect();
        let item = Item { about: about.clone(), kind, reason: reason.to_owned(), message };
        // The writer goes only with the whole component.
        drop(self.queue.send(item));
    }
}

/// An event that says the same again counts up, as everywhere in Kubernetes.
struct Writer {
    client: Client,
    component: &'static str,
    host: String,
    written: HashMap<Key, Written>,
}

impl Writer {
    async fn run(mut self, mut items: mpsc::UnboundedReceiver<Item>) {
        while let Some(item) = items.recv().await {
            let reason = item.reason.clone();
            // Events are for people: one that cannot be written is only logged.
            if let Err(err) = self.write(item).await {
                tracing::debug!(%err, reason, "event not written");
            }
        }
    }

    async fn write(&mut self, item: Item) -> Result<(), kube::Error> {
        let Item { about, kind, reason, message } = item;
        let namespace = about.namespace.clone().unwrap_or_else(|| "default".to_owned());
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        let now = Time(Timestamp::now());
        let key = Key {
            about: about.uid.clone(),
            part: about.field_path.clone(),
            reason: reason.clone(),
            message: message.clone(),
        };
        if let Some(known) = self.written.get_mut(&key) {
            known.count += 1;
            let patch = json!({ "count": known.count, "lastTimestamp": now });
            api.patch(&known.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
            return Ok(());
        }
        let object = about.name.clone().unwrap_or_default();
        let name = format!("{object}.{:x}", now.0.as_nanosecond());
        let event = Event {
            metadata: ObjectMeta { name: Some(name.clone()), namespace: Some(namespace), ..ObjectMeta::default() },
            involved_object: about,
            reason: Some(reason),
            message: Some(message),
            type_: Some(format!("{kind:?}")),
            source: Some(EventSource { component: Some(self.component.to_owned()), host: Some(self.host.clone()) }),
            first_timestamp: Some(now.clone()),
            last_timestamp: Some(now),
            count: Some(1),
            ..Event::default()
        };
        api.create(&PostParams::default(), &event).await?;
        self.written.insert(key, Written { name, count: 1 });
        Ok(())
    }
}
