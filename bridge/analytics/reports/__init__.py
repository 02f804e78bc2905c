"""Reports: what a week or a month brought, compared with the one before, as JSON, CSV, a page and a PDF.

`calendar` finds the weeks and months, `content` asks for all that stands in a report, and `document` makes one file of
it that needs nothing else, which `pdf` lets Chromium print.
"""
