"""QR codes as SVG, to be put into a page: no picture service sees what they hold."""


def svg(text: str, title: str) -> str:
    """Draw a QR code, black on white whatever the page's colours are, with a title for whoever cannot see it."""
    import segno  # takes 0.2 s, and few pages have one

    drawn = segno.make_qr(text, error="m").svg_inline(
        title=title, border=4, light="#fff", omitsize=True, svgclass="qr", lineclass=None
    )
    return drawn.replace("<svg ", '<svg role="img" ', 1)
