"""Services with API Analytics' middlewares, as its documentation sets them up: server, key and mappers are ours.

A program gets ADDRESS, KEY, LEVEL and PORT. It answers GET / with 200 and GET /orders/17 with 404.

A client sends when a call comes a minute after it last sent. So that no test waits for that, SIGUSR1 moves the moment
it last sent into the past (Python), or the clock ahead (Node, whose package keeps that moment to itself).
"""

import re
from typing import Final

_SOONER: Final = """
import os, signal
from datetime import datetime
import api_analytics.core
signal.signal(signal.SIGUSR1, lambda *_: setattr(api_analytics.core, "_last_posted", datetime(2000, 1, 1)))
ADDRESS, KEY, LEVEL, PORT = (os.environ[name] for name in ("ADDRESS", "KEY", "LEVEL", "PORT"))
"""
_CONFIG: Final = """
config = Config()
config.server_url = ADDRESS
config.privacy_level = int(LEVEL)
config.get_ip_address = lambda request: request.headers['X-Forwarded-For']
config.get_user_agent = lambda request: request.headers['User-Agent']
config.get_user_id = lambda request: request.headers.get('X-AUTH-TOKEN', '')
"""

MAPPERS: Final = re.compile(r"^config\.get_.*\n", re.MULTILINE)
"""The lines of a Python program that replace what its client looks at by itself."""

PYTHON: Final = {
    "FastAPI": f"""{_SOONER}
import uvicorn
from fastapi import FastAPI, Response
from api_analytics.fastapi import Analytics, Config
{_CONFIG}
app = FastAPI()
app.add_middleware(Analytics, api_key=KEY, config=config)  # Add middleware

@app.get('/')
async def root():
    return {{'message': 'Hello World!'}}

@app.get('/orders/17')
async def order():
    return Response(status_code=404)

uvicorn.run(app, port=int(PORT), log_level="error", proxy_headers=False)
""",
    "Flask": f"""{_SOONER}
from flask import Flask
from api_analytics.flask import add_middleware, Config
{_CONFIG}
app = Flask(__name__)
add_middleware(app, KEY, config)  # Add middleware

@app.get('/')
def root():
    return {{'message': 'Hello World!'}}

app.run(port=int(PORT))
""",
    "Django": f"""{_SOONER}
import sys
import django
from django.conf import settings
from api_analytics.django import Config
{_CONFIG}
settings.configure(
    ANALYTICS_API_KEY=KEY,
    ANALYTICS_CONFIG=config,
    MIDDLEWARE=['api_analytics.django.Analytics'],  # Add middleware
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=['*'],
    SECRET_KEY='x',
)
django.setup()
from django.http import JsonResponse
from django.urls import path
urlpatterns = [path('', lambda request: JsonResponse({{'message': 'Hello World!'}}))]
from django.core.management import execute_from_command_line
execute_from_command_line([sys.argv[0], 'runserver', '--noreload', PORT])
""",
    "Tornado": f"""{_SOONER}
import asyncio
from tornado.web import Application
from api_analytics.tornado import Analytics, Config
{_CONFIG}
# Inherit from the Analytics middleware class
class MainHandler(Analytics):
    def __init__(self, app, res):
        super().__init__(app, res, KEY, config)  # Provide api key

    def get(self):
        if self.request.path != '/':
            self.set_status(404)
        self.write({{'message': 'Hello World!'}})

async def main():
    Application([(r"/.*", MainHandler)]).listen(int(PORT), address="127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
""",
}

_LATER: Final = """
let ahead = 0;
process.on("SIGUSR1", () => { ahead += 61000; });
const Clock = globalThis.Date;
globalThis.Date = class extends Clock {
  constructor(...given) { given.length ? super(...given) : super(Clock.now() + ahead); }
};
const { ADDRESS, KEY, LEVEL, PORT } = process.env;
"""
_NODE_CONFIG: Final = """
const config = new Config();
config.serverUrl = ADDRESS;
config.privacyLevel = Number(LEVEL);
config.getUserID = (req) => req.headers["x-auth-token"];
"""

NODE: Final = {
    "Express": f"""{_LATER}
import express from "express";
import {{ expressAnalytics, Config }} from "node-api-analytics";
{_NODE_CONFIG}
const app = express();
app.use(expressAnalytics(KEY, config)); // Add middleware

app.get("/", (req, res) => {{ res.send({{ message: "Hello World!" }}); }});
app.get("/orders/17", (req, res) => {{ res.status(404).send({{}}); }});
app.listen(Number(PORT), "127.0.0.1");
""",
    "Fastify": f"""{_LATER}
import Fastify from "fastify";
import {{ useFastifyAnalytics, Config }} from "node-api-analytics";
{_NODE_CONFIG}
const fastify = Fastify();
useFastifyAnalytics(fastify, KEY, config);

fastify.get("/", (request, reply) => {{ reply.send({{ message: "Hello World!" }}); }});
fastify.listen({{ port: Number(PORT) }});
""",
    "Koa": f"""{_LATER}
import Koa from "koa";
import {{ koaAnalytics, Config }} from "node-api-analytics";
{_NODE_CONFIG}
const app = new Koa();
app.use(koaAnalytics(KEY, config)); // Add middleware

app.use((ctx) => {{
  if (ctx.path === "/") ctx.body = {{ message: "Hello World!" }};
}});
app.listen(Number(PORT), "127.0.0.1");
""",
}

DATA_PYTHON: Final = """
import os, requests

headers = {
 "X-AUTH-TOKEN": os.environ["KEY"]
}

response = requests.get(os.environ["ADDRESS"] + "/api/data", headers=headers)
import json
print(json.dumps(response.json()))
"""
DATA_NODE: Final = """
fetch(`${process.env.ADDRESS}/api/data`, {
  headers: { "X-AUTH-TOKEN": process.env.KEY },
})
  .then((response) => {
    return response.json();
  })
  .then((data) => {
    console.log(JSON.stringify(data));
  });
"""
DATA_CURL: Final = 'curl --silent --header "X-AUTH-TOKEN: $KEY" "$ADDRESS/api/data"'
DATA_CURL_FILTERED: Final = (
    'curl --silent --header "X-AUTH-TOKEN: $KEY" '
    '"$ADDRESS/api/data?page=1&dateFrom=2022-01-01&hostname=$HOSTNAME&status=200&user_id=user-1"'
)
"""The documentation's own, as far as they print what they got as JSON."""
