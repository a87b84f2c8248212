"""What the online door promises, for programs (an OpenAPI document) and for people (a page drawn from it)."""

from service.openapi.document import openapi
from service.openapi.page import PAGE_HEADERS, docs_page

__all__ = ["PAGE_HEADERS", "docs_page", "openapi"]
