"""Made-up API calls as WSO2's analytics publisher reports them: its fields, their order, its odd values.

Shapes and values follow what the publisher (1.2.30 to 1.2.32, ELK reporter) was seen to write.
"""

import random
import uuid
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from bridge.contracts import Kind

# Stand where the id and the time of a call belong, until a gateway fills them in.
CORRELATION: Final = "@correlationId@"
TIMESTAMP: Final = "@requestTimestamp@"


@dataclass(frozen=True, slots=True)
class Api:
    """One published API."""

    name: str
    version: str
    type: str
    context: str
    tenant: str
    creator: str
    backend: str
    methods: tuple[str, ...]
    resources: tuple[str, ...]
    weight: int

    @property
    def id(self) -> str:
        """Return its UUID: of the name, so that it is the same in each run."""
        return str(uuid.uuid3(uuid.NAMESPACE_URL, self.context))


_REST: Final = ("GET", "GET", "GET", "POST", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_PIZZA: Final = ("/menu", "/order", "/order/{orderId}", "/order/{orderId}/items/{itemId}", "/*")

# fmt: off
APIS: Final = (
    Api("PizzaShackAPI", "1.0.0", "HTTP", "/pizzashack/1.0.0", "carbon.super", "admin",
        "https://localhost:9443/am/sample/pizzashack/v1/api/", _REST, _PIZZA, 35),
    Api("Orders", "v1", "HTTP", "/t/acme.com/orders/v1", "acme.com", "alice@acme.com",
        "http://orders.acme.internal:8080/api", _REST, ("/order", "/order/{orderId}", "/*"), 18),
    Api("Payments-API", "3.1", "HTTP", "/t/acme.com/pay/3.1", "acme.com", "bob@acme.com",
        "https://pay.acme.internal/v3?region=eu&mode=<live>", _REST, ("/payments", "/payments/{id}"), 17),
    Api("CustomerSOAP", "1.0", "SOAP", "/customer/1.0", "carbon.super", "carol",
        "http://legacy:7001/CustomerService", ("POST",), ("/*",), 10),
    Api("Ünïcode Straße API", "1.0.0", "HTTP", "/t/exämple.com/straße/1.0.0", "exämple.com",
        "josé@exämple.com", "https://例え.テスト/v1", _REST, ("/straße/{größe}", "/日本語"), 3),
    Api("OpenAI Chat", "2024-02-01", "HTTP", "/openai/1", "carbon.super", "admin",
        "https://api.openai.com/v1", ("POST",), ("/chat/completions",), 6),
    Api("StarWarsGraphQL", "1.0.0", "GRAPHQL", "/swapi/1.0.0", "carbon.super", "admin",
        "http://swapi:8080/graphql", ("QUERY", "MUTATION"),
        ("allFilms", "createReview", "allFilms,hero,person"), 4),
    Api("ChatWS", "1.0.0", "WS", "/chat/1.0.0", "acme.com", "alice@acme.com",
        "ws://chat:9099", ("HANDSHAKE", "SUBSCRIBE", "PUBLISH"), ("subscribe:/rooms/*",), 2),
    Api("PizzaMCP", "1.0.0", "MCP", "/pizzamcp/1.0.0", "carbon.super", "admin",
        "http://mcp:8000/mcp", ("POST",), ("/mcp",), 3),
    Api("RepoEvents", "1", "WEBSUB", "/repoevents/1", "carbon.super", "admin",
        "UNKNOWN", ("PUBLISH",), ("topic-push",), 2),
)
_APPLICATIONS: Final = (
    ("8f5b2c1e-0001-4a6e-9d43-1f0e6c2a7b10", "DefaultApplication", "admin"),
    ("8f5b2c1e-0002-4a6e-9d43-1f0e6c2a7b10", "MobileApp", "alice@acme.com"),
    ("8f5b2c1e-0003-4a6e-9d43-1f0e6c2a7b10", 'Partner "Gold" \\ App', "bob@acme.com"),
    ("8f5b2c1e-0004-4a6e-9d43-1f0e6c2a7b10", "Büro-App 日本", "carol"),
)
_ANONYMOUS: Final = ("anonymous", "anonymous", "anonymous")
_UNKNOWN: Final = ("UNKNOWN", "UNKNOWN", "UNKNOWN")
_USERS: Final = (
    "admin@carbon.super", "jürgen@carbon.super", "alice@acme.com@carbon.super", "alice@acme.com",
    "PRIMARY/dave@carbon.super", "7f1c0a52-user-uuid@carbon.super", "eve",
)
_AGENTS: Final = (
    ("Chrome", "Windows"), ("Safari", "Mac OS X"), ("Mobile Safari", "iOS"), ("Firefox", "Linux"),
    ("okhttp", "Other"), ("curl", "Other"), ("Python Requests", "Other"), ("PostmanRuntime", "Other"),
    ("Other", "Other"), ("UNKNOWN", "UNKNOWN"),
)
_IPS: Final = ("10.24.7.91", "127.0.0.1", "198.51.100.23", "203.0.113.45", "2001:db8:85a3:0:0:8a2e:370:7334",
               "192.168.***.98")
_TOOLS: Final = ("viewPizzaMenu", "orderPizza", "trackOrder")
# Answers of a model with fewer bytes than these are those that a guardrail cut.
_SHORT: Final = 1000
_CONTENT: Final = ("application/json", "application/json; charset=UTF-8", "text/xml", "UNKNOWN")
_STATUS: Final = (200, 201, 202, 204, 301, 302, 304, 400, 401, 404, 409, 500, 502)
_STATUS_WEIGHTS: Final = (600, 80, 60, 80, 10, 15, 20, 20, 10, 30, 5, 20, 5)
# errorType, errorCode, errorMessage, proxyResponseCode; only AUTH and OTHER do not know the application.
_FAULTS: Final = (
    ("AUTH", 900901, "AUTHENTICATION_FAILURE", 401), ("AUTH", 900902, "AUTHENTICATION_FAILURE", 401),
    ("AUTH", 900908, "SUBSCRIPTION_VALIDATION_FAILURE", 403), ("AUTH", 900910, "AUTHORIZATION_FAILURE", 403),
    ("THROTTLED", 900800, "API_LEVEL_LIMIT_EXCEEDED", 429),
    ("THROTTLED", 900802, "RESOURCE_LEVEL_LIMIT_EXCEEDED", 429),
    ("THROTTLED", 900804, "SUBSCRIPTION_LIMIT_EXCEEDED", 429), ("THROTTLED", 900805, "BLOCKED", 429),
    ("THROTTLED", 900821, "QUERY_TOO_COMPLEX", 400), ("TARGET_CONNECTIVITY", 101503, "OTHER", 500),
    ("TARGET_CONNECTIVITY", 101504, "CONNECTION_TIMEOUT", 504),
    ("TARGET_CONNECTIVITY", 303001, "CONNECTION_SUSPENDED", 503),
    ("OTHER", 900906, "RESOURCE_NOT_FOUND", 404), ("OTHER", 405, "METHOD_NOT_ALLOWED", 405),
    ("OTHER", 601000, "MEDIATION_ERROR", 500),
)
# fmt: on
_WEIGHTS: Final = tuple(api.weight for api in APIS)
_FAULTY_APIS: Final = tuple(api for api in APIS if api.type in ("HTTP", "SOAP"))


class Call(NamedTuple):
    """One made-up API call: its kind, and the event as WSO2's ELK publisher writes it."""

    kind: Kind
    event: dict[str, Any]


def correlation_id(rng: random.Random) -> str:
    """Return a random UUID as text."""
    # Version and variant of a random UUID, at a third of what uuid.UUID takes.
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def invent(rng: random.Random) -> Call:
    """Return a call with the placeholders CORRELATION and TIMESTAMP in their places."""
    # One call in six is a fault, as in the mixed traffic that the publisher was observed with.
    return Call("fault", _fault(rng)) if rng.random() < 0.16 else Call("response", _response(rng))


def _response(rng: random.Random) -> dict[str, Any]:
    """Return a successful call: 30 keys, in the order of WSO2's HashMap."""
    api = rng.choices(APIS, _WEIGHTS)[0]
    anonymous = rng.random() < 0.05
    application_id, application, owner = _ANONYMOUS if anonymous else rng.choice(_APPLICATIONS)
    user = "anonymous" if anonymous else rng.choice(_USERS)
    agent, platform = rng.choice(_AGENTS)
    status = 101 if api.type == "WS" else rng.choices(_STATUS, _STATUS_WEIGHTS)[0]
    cached = api.type == "HTTP" and rng.random() < 0.04
    # WebSub reports neither latencies nor a backend's status.
    blind = api.type == "WEBSUB"
    backend_ms = 0 if blind or cached else int(rng.lognormvariate(3.8, 0.9))
    request_ms, response_ms = (0, 0) if blind else (rng.randrange(9), rng.randrange(6))
    resource = rng.choice(api.resources)
    ip = rng.choice(_IPS)
    return {
        "apiName": api.name,
        "proxyResponseCode": status,
        "destination": "dummy_endpoint_address" if rng.random() < 0.01 else api.backend,
        "apiCreatorTenantDomain": api.tenant,
        "platform": platform,
        "apiMethod": rng.choice(api.methods),
        "apiVersion": api.version,
        "gatewayType": "SYNAPSE",
        "apiCreator": api.creator,
        "responseCacheHit": cached,
        "backendLatency": backend_ms,
        "correlationId": CORRELATION,
        "requestMediationLatency": request_ms,
        "keyType": "anonymous"
        if anonymous
        else rng.choice(("PRODUCTION", "PRODUCTION", "PRODUCTION", "SANDBOX")),
        "apiId": api.id,
        "applicationName": application,
        "targetResponseCode": -1 if blind else status,
        "requestTimestamp": TIMESTAMP,
        "applicationOwner": owner,
        "userAgent": agent,
        "userName": user,
        "apiResourceTemplate": resource,
        "regionId": rng.choice(("default", "default", "us-east-1")),
        "responseLatency": backend_ms + request_ms + response_ms,
        "responseMediationLatency": response_ms,
        "userIp": ip,
        "apiContext": api.context,
        "applicationId": application_id,
        "apiType": api.type,
        "properties": _properties(rng, api, user, resource, ip),
    }


def _properties(rng: random.Random, api: Api, user: str, resource: str, ip: str) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "userName": user,
        "apiContext": api.context,
        "responseSize": rng.randrange(20_000),
        "responseContentType": rng.choice(_CONTENT),
        "commonName": "N/A",
    }
    if api.name == "OpenAI Chat":
        properties |= _ai(rng)
        if properties["responseSize"] < _SHORT:
            properties |= {"isGuardrailHit": True, "guardrailName": "PII masking"}
    elif api.type == "MCP":
        properties |= {
            "subtype": "SERVER_PROXY",
            "isEgress": 0,
            "mcpAnalytics": {
                "mcpToolName": _TOOLS[len(user) % len(_TOOLS)],
                "mcpMethod": "tools/call",
                "sessionId": correlation_id(rng),
            },
        }
    elif rng.random() < 0.1:
        properties |= _headers(rng, ip)
    elif rng.random() < 0.05:
        path = resource.replace("{", "").replace("}", "")
        properties |= {
            "x-original-gw-url": f"https://gw.acme.example:8243{api.context}{path}?q=caf%C3%A9&tag=a%20b&x=<1>",
            "deployment-type": "PRODUCTION",
        }
    return properties


def _ai(rng: random.Random) -> dict[str, Any]:
    model, vendor = rng.choice((("gpt-4o-mini-2024-07-18", "OpenAI"), ("mistral-large-latest", "MistralAI")))
    metadata = {"vendorVersion": "1.0.0", "model": model, "vendorName": vendor}
    if rng.random() < 0.2:
        del metadata["model"]
    prompt, completion = rng.randrange(8, 900), rng.randrange(1, 700)
    tokens = {
        "hour": 0,
        "promptTokens": prompt,
        "totalTokens": prompt + completion,
        "completionTokens": completion,
    }
    return {"isEgress": 1, "subtype": "AIAPI", "aiMetadata": metadata, "aiTokenUsage": tokens}


def _headers(rng: random.Random, ip: str) -> dict[str, Any]:
    return {
        "requestHeaders": {
            "Accept": "*/*",
            "accept-encoding": "gzip, deflate, br",
            "Authorization": "****",
            "Host": "gw.acme.example:8243",
            "User-Agent": rng.choice(
                ("curl/8.9.1", "agent \"quoted\" 'n' <b>=&", "emoji 😀 ls\u2028", "two\nlines")
            ),
            "X-Forwarded-For": ip,
        },
        "responseHeaders": {
            "Content-Length": str(rng.randrange(20_000)),
            "Content-Type": "application/json",
            "ETag": f'W/"{rng.randrange(100_000)}"',
            "Server": "nginx/1.25.5",
        },
    }


def _fault(rng: random.Random) -> dict[str, Any]:
    """Return a call that the gateway itself answered: 20 keys, the caller only in `properties`."""
    api = rng.choice(_FAULTY_APIS)
    error, code, message, status = rng.choice(_FAULTS)
    known = error in ("THROTTLED", "TARGET_CONNECTIVITY")
    application_id, application, owner = rng.choice(_APPLICATIONS) if known else _UNKNOWN
    caller = {"userName": rng.choice(_USERS)} if known else {}
    return {
        "apiName": api.name,
        "requestTimestamp": TIMESTAMP,
        "errorType": error,
        "proxyResponseCode": status,
        "errorMessage": message,
        "applicationOwner": owner,
        "errorCode": code,
        "apiCreatorTenantDomain": api.tenant,
        "apiVersion": api.version,
        "gatewayType": "SYNAPSE",
        "apiCreator": api.creator,
        "regionId": "default",
        "correlationId": CORRELATION,
        "keyType": "PRODUCTION" if known else "UNKNOWN",
        "applicationId": application_id,
        "apiId": api.id,
        "apiType": api.type,
        "applicationName": application,
        "properties": caller
        | {
            "apiContext": api.context,
            "responseSize": 0,
            "responseContentType": "UNKNOWN",
            "commonName": "N/A",
        },
        "targetResponseCode": -1,
    }
