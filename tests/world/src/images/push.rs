use std::path::Path;

use futures::future::BoxFuture;
use oci_spec::image::{Descriptor, ImageIndex, ImageManifest, MediaType};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};

use super::layout::Layout;
use super::{ImageError, ImageReference};

/// Pushes every image layout in `folder` (one subfolder each) to the registry at `registry` (`HOST:PORT`, plain HTTP),
/// and returns the names pushed.
///
/// The name of an image is the annotation `org.opencontainers.image.ref.name` in its layout's `index.json`; its host is
/// dropped, because the world's registry stands for all hosts. What is there already is not sent again.
///
/// # Errors
///
/// [`ImageError`] for the first layout that is none, or the first thing the registry refuses.
pub async fn push_folder(registry: &str, folder: &Path) -> Result<Vec<ImageReference>, ImageError> {
    let push = Push { client: super::http_client(), registry };
    let entries = std::fs::read_dir(folder).map_err(ImageError::file("list", folder))?;
    let mut layouts: Vec<_> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    layouts.sort();
    let mut names = Vec::new();
    for path in layouts {
        let layout = Layout::open(&path)?;
        for (name, manifest) in layout.images()? {
            push.manifest(&layout, &name, &manifest, &name.target()).await?;
            names.push(name);
        }
    }
    Ok(names)
}

struct Push<'a> {
    client: Client,
    registry: &'a str,
}

impl Push<'_> {
    /// Pushes a manifest or an index, what it refers to first.
    fn manifest<'b>(
        &'b self,
        layout: &'b Layout,
        name: &'b ImageReference,
        descriptor: &'b Descriptor,
        target: &'b str,
    ) -> BoxFuture<'b, Result<(), ImageError>> {
        Box::pin(async move {
            let bytes = layout.read(descriptor.digest())?;
            let wrong = |err: serde_json::Error| ImageError::Layout {
                path: layout.blob(descriptor.digest()),
                why: err.to_string(),
            };
            if *descriptor.media_type() == MediaType::ImageIndex {
                let index: ImageIndex = serde_json::from_slice(&bytes).map_err(wrong)?;
                for child in index.manifests() {
                    self.manifest(layout, name, child, child.digest().as_ref()).await?;
                }
            } else {
                let manifest: ImageManifest = serde_json::from_slice(&bytes).map_err(wrong)?;
                for blob in manifest.layers().iter().chain([manifest.config()]) {
                    self.blob(layout, name, blob).await?;
                }
            }
            let request = self.request(Method::PUT, name, &format!("manifests/{target}"));
            let request = request.header(CONTENT_TYPE, descriptor.media_type().to_string()).body(bytes);
            self.send(request, StatusCode::CREATED).await.map(drop)
        })
    }

    async fn blob(&self, layout: &Layout, name: &ImageReference, blob: &Descriptor) -> Result<(), ImageError> {
        let head = self.request(Method::HEAD, name, &format!("blobs/{}", blob.digest()));
        if self.answer(head).await?.status() == StatusCode::OK {
            return Ok(());
        }
        let begin = self.request(Method::POST, name, "blobs/uploads/");
        let begun = self.send(begin, StatusCode::ACCEPTED).await?;
        let location = begun.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let location = begun.url().join(location).unwrap_or_else(|_| begun.url().clone());
        let path = layout.blob(blob.digest());
        let file = tokio::fs::File::open(&path).await.map_err(ImageError::file("read", &path))?;
        let put = self.client.put(location).query(&[("digest", blob.digest().to_string())]);
        let put = put.header(CONTENT_LENGTH, blob.size()).header(CONTENT_TYPE, "application/octet-stream").body(file);
        self.send(put, StatusCode::CREATED).await.map(drop)
    }

    fn request(&self, method: Method, name: &ImageReference, what: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}/v2/{}/{what}", self.registry, name.repository()))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, ImageError> {
        request.send().await.map_err(|err| ImageError::Unreachable { registry: self.registry.to_owned(), err })
    }

    async fn send(&self, request: RequestBuilder, wanted: StatusCode) -> Result<Response, ImageError> {
        let response = self.answer(request).await?;
        if response.status() == wanted {
            return Ok(response);
        }
        let (status, request) = (response.status().as_u16(), response.url().path().to_owned());
        Err(ImageError::Refused { request, status, body: response.text().await.unwrap_or_default() })
    }
}
