"""Moesif's Management API, as far as it is about workspaces and events: its clients need another address alone.

`workspaces` and `embedding` make, change and share workspaces; `searching` answers Elasticsearch's queries with events
and figures. Shapes of requests and answers: Moesif/apidocs, management-api.json; the legacy call of Moesif's guide; and
what its clients were seen to send and to read (moesif-developer-portal, moesif-browser-embedded-api-dashboard).
"""
