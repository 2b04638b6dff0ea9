using System.Globalization;
using Holdfast.Protocol.Messages;
using PdfSharp.Drawing;
using PdfSharp.Drawing.Layout;
using PdfSharp.Fonts;
using PdfSharp.Pdf;

namespace Holdfast.Documents.Invoices;

/// <summary>Invoices as PDF, A4, as many pages as their lines need. Points are 1/72 inch.</summary>
public static class InvoicePdf
{
    private const double Left = 56;
    private const double Right = 539;
    private const double Top = 64;
    private const double Bottom = 770;
    private const double LineHeight = 15;
    private const string Family = "Liberation Sans";

    static InvoicePdf() => GlobalFontSettings.FontResolver = new OwnFonts();

    /// <summary>Writes an invoice: the same invoice is the same bytes but for the file's own id and dates.</summary>
    public static byte[] Render(InvoiceDocument invoice)
    {
        var view = new InvoiceView(invoice);
        using var document = new PdfDocument();
        document.Info.Title = view.Title;
        document.Info.Author = view.Seller.Name;
        using (var drawing = new Drawing(document))
        {
            DrawHead(drawing, view);
            DrawLines(drawing, view);
            drawing.Text(view.Payment);
        }

        DrawPageNumbers(document, view);
        using var stream = new MemoryStream();
        document.Save(stream, closeStream: false);
        return stream.ToArray();
    }

    private static void DrawHead(Drawing drawing, InvoiceView view)
    {
        var right = Top;
        foreach (var line in view.SellerLines)
        {
            drawing.At(right, (Left + 280, Right, line, true));
            right += LineHeight;
        }

        drawing.Title(view.Title, Left + 260);
        drawing.Row((Left, Left + 270, view.Subtitle, false));
        drawing.Y = Math.Max(drawing.Y, right) + (2 * LineHeight);
        var dates = drawing.Y;
        drawing.Row((Left, Left + 270, view.Words["bill_to"] + ":", false));
        foreach (var line in view.CustomerLines)
        {
            drawing.Row((Left, Left + 320, line, false));
        }

        drawing.At(dates, (Left + 330, Right, $"{view.Words["issued"]} {view.IssuedOn}", true));
        drawing.At(dates + LineHeight, (Left + 330, Right, $"{view.Words["due"]} {view.DueOn}", true));
        drawing.Y = Math.Max(drawing.Y, dates + (2 * LineHeight)) + LineHeight;
    }

    private static void DrawLines(Drawing drawing, InvoiceView view)
    {
        drawing.IsBold = true;
        drawing.Row(Columns(view.Words["what"], view.Words["days"], view.Words["quantity"], view.Words["amount"]));
        drawing.IsBold = false;
        drawing.Rule();
        foreach (var (what, days, quantity, amount) in view.Lines)
        {
            drawing.Row(Columns(what, days, quantity, amount));
        }

        drawing.Rule();
        foreach (var (name, amount) in view.Sums)
        {
            drawing.IsBold = (name, amount) == view.Sums[^1];
            drawing.Row((Left, Left + 350, name, false), (Left + 350, Right, amount, true));
        }

        drawing.IsBold = false;
        drawing.Y += LineHeight;
    }

    private static (double, double, string, bool)[] Columns(string what, string days, string quantity, string amount) =>
        [(Left, Left + 178, what, false), (Left + 182, Left + 308, days, false), (Left + 308, Left + 385, quantity, true), (Left + 388, Right, amount, true)];

    private static void DrawPageNumbers(PdfDocument document, InvoiceView view)
    {
        for (var page = 0; page < document.PageCount; page++)
        {
            using var graphics = XGraphics.FromPdfPage(document.Pages[page]);
            graphics.DrawString($"{view.Title} · {view.Words["page", (page + 1).ToString(CultureInfo.InvariantCulture), document.PageCount.ToString(CultureInfo.InvariantCulture)]}",
                new XFont(Family, 8), XBrushes.Gray, new XRect(Left, Bottom + 25, Right - Left, 12), XStringFormats.TopRight);
        }
    }

    /// <summary>Draws rows from top to bottom, with a new page where one is full.</summary>
    private sealed class Drawing(PdfDocument document) : IDisposable
    {
        private readonly XFont _regular = new(Family, 9.5);
        private readonly XFont _bold = new(Family, 9.5, XFontStyleEx.Bold);
        private XGraphics? _graphics;

        public double Y { get; set; } = Top;

        public bool IsBold { get; set; }

        private XGraphics Graphics => _graphics ??= XGraphics.FromPdfPage(NewPage());

        public void Title(string text, double width)
        {
            var font = new XFont(Family, 18, XFontStyleEx.Bold);
            foreach (var line in Wrapped(text, width, font))
            {
                Graphics.DrawString(line, font, XBrushes.Black, new XPoint(Left, Y + 14));
                Y += 24;
            }
        }

        /// <summary>A row of texts, each in its column and on as many lines as it needs.</summary>
        public void Row(params (double From, double Until, string Text, bool IsRight)[] columns)
        {
            var font = IsBold ? _bold : _regular;
            var texts = columns.Select(column => (column.From, column.Until, Lines: Wrapped(column.Text, column.Until - column.From, font), column.IsRight)).ToList();
            var lines = texts.Max(text => text.Lines.Count);
            for (var line = 0; line < lines; line++)
            {
                if (Y + LineHeight > Bottom)
                {
                    _graphics?.Dispose();
                    (_graphics, Y) = (null, Top);
                }

                foreach (var (from, until, wrapped, isRight) in texts.Where(text => line < text.Lines.Count))
                {
                    Draw(from, until, Y, wrapped[line], isRight, font);
                }

                Y += LineHeight;
            }
        }

        /// <summary>One line at a height of its own, of as much of the text as there is room for.</summary>
        public void At(double y, (double From, double Until, string Text, bool IsRight) text) => Draw(text.From, text.Until, y, Wrapped(text.Text, text.Until - text.From, _regular)[0], text.IsRight, _regular);

        public void Text(string text)
        {
            foreach (var line in text.Split('\n'))
            {
                Row((Left, Right, line, false));
            }
        }

        public void Rule()
        {
            Graphics.DrawLine(XPens.Gray, Left, Y + 2, Right, Y + 2);
            Y += 7;
        }

        public void Dispose() => _graphics?.Dispose();

        private void Draw(double from, double until, double y, string text, bool isRight, XFont font) =>
            Graphics.DrawString(text, font, XBrushes.Black, new XRect(from, y, until - from, LineHeight), isRight ? XStringFormats.TopRight : XStringFormats.TopLeft);

        private List<string> Wrapped(string text, double width, XFont font)
        {
            var (lines, line) = (new List<string>(), "");
            foreach (var word in text.Split(' '))
            {
                var rest = line.Length == 0 ? word : $"{line} {word}";
                if (Graphics.MeasureString(rest, font).Width > width && line.Length > 0)
                {
                    lines.Add(line);
                    rest = word;
                }

                // A word that is longer than the line is broken where it must be.
                while (rest.Length > 1 && Graphics.MeasureString(rest, font).Width > width)
                {
                    var fits = rest.Length - 1;
                    while (fits > 1 && Graphics.MeasureString(rest[..fits], font).Width > width)
                    {
                        fits--;
                    }

                    lines.Add(rest[..fits]);
                    rest = rest[fits..];
                }

                line = rest;
            }

            lines.Add(line);
            return lines;
        }

        private PdfPage NewPage()
        {
            var page = document.AddPage();
            page.Size = PdfSharp.PageSize.A4;
            return page;
        }
    }

    /// <summary>The fonts that lie in this library: no machine lacks them.</summary>
    private sealed class OwnFonts : IFontResolver
    {
        public FontResolverInfo ResolveTypeface(string familyName, bool isBold, bool isItalic) => new(isBold ? "LiberationSans-Bold" : "LiberationSans-Regular");

        public byte[] GetFont(string faceName)
        {
            using var stream = typeof(InvoicePdf).Assembly.GetManifestResourceStream(faceName + ".ttf")!;
            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
    }
}
