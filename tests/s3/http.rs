//! Plain HTTP to a server on this machine, a connection a request.

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use tokio::net::TcpStream;

#[derive(Debug)]
pub(crate) struct Http;

impl HttpConnector for Http {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Self))
    }
}

#[async_trait]
impl HttpService for Http {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let server = request.uri().authority().expect("a server").to_string();
        let path = request.uri().path_and_query().expect("a path").to_string();
        request.headers_mut().insert(HOST, HeaderValue::from_str(&server).expect("a host"));
        *request.uri_mut() = path.parse().expect("a path");
        let stream = TcpStream::connect(server).await.map_err(|why| HttpError::new(HttpErrorKind::Connect, why))?;
        let failed = |why| HttpError::new(HttpErrorKind::Request, why);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        tokio::spawn(connection);
        let response = sender.send_request(request).await.map_err(failed)?;
        Ok(response.map(|body| HttpResponseBody::new(body.map_err(failed))))
    }
}
