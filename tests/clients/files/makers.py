"""Writes Office files with the libraries of Python into a folder."""

import sys
from pathlib import Path

import docx
import openpyxl
import pptx
import xlwt

folder = Path(sys.argv[1])

document = docx.Document()
document.add_heading("A report")
for number in range(500):
    document.add_paragraph(f"Paragraph {number}")
document.save(folder / "python-docx.docx")

book = openpyxl.Workbook()
for number in range(3_000):
    book.active.append([number, f"Row {number}", number / 7])
book.save(folder / "openpyxl.xlsx")
book.template = True
book.save(folder / "openpyxl.xltx")

stream = openpyxl.Workbook(write_only=True)
sheet = stream.create_sheet()
for number in range(3_000):
    sheet.append([number, f"Row {number}"])
stream.save(folder / "openpyxl-stream.xlsx")

deck = pptx.Presentation()
for number in range(20):
    deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = f"Slide {number}"
deck.save(folder / "python-pptx.pptx")

old = xlwt.Workbook()
sheet = old.add_sheet("Sheet")
for number in range(3_000):
    sheet.write(number, 0, f"Row {number}")
old.save(str(folder / "xlwt.xls"))
