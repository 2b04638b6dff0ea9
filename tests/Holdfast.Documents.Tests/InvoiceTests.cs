using System.Diagnostics;
using Holdfast.Documents.Invoices;
using Holdfast.Documents.Texts;
using Holdfast.Protocol.Messages;
using Microsoft.Playwright;

namespace Holdfast.Documents.Tests;

/// <summary>Invoices as pages and as PDF: what stands in them, in a real browser and as a real reader of PDF sees it, whatever customers are called.</summary>
public sealed class InvoiceTests
{
    private const string Hostile = "<script>document.title='owned'</script>\"'&<img src=x onerror=\"document.title='owned'\">";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_page_says_everything_in_a_browser_and_runs_nothing()
    {
        var invoice = Invoice(Hostile, 3);
        var html = await PageRenderer.RenderAsync(invoice);
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = "/usr/bin/chromium", Args = ["--no-sandbox"] });
        foreach (var (width, scheme) in ((int, ColorScheme)[])[(1200, ColorScheme.Light), (390, ColorScheme.Dark)])
        {
            var page = await browser.NewPageAsync(new() { ViewportSize = new() { Width = width, Height = 900 }, ColorScheme = scheme });
            await page.SetContentAsync(html);
            Assert.Equal("Invoice HF-000017", await page.TitleAsync());
            var text = await page.InnerTextAsync("body");
            foreach (var said in (string[])[Hostile, "1 High Street", "VAT 19 %", "EUR 38.08", "EUR -3.20", "10 %", "2026-11-01 – 2026-11-30", "IBAN XX00", "home: credit for the time in which the service was not there"])
            {
                Assert.Contains(said, text, StringComparison.Ordinal);
            }

            // Nothing sticks out of the page, nor of the table.
            Assert.True(await page.EvaluateAsync<bool>("[document.documentElement, document.querySelector('.scroll')].every(e => e.scrollWidth <= e.clientWidth)"), $"{width}");
            if (Environment.GetEnvironmentVariable("HOLDFAST_SCREENSHOTS") is { } folder)
            {
                await page.ScreenshotAsync(new() { Path = Path.Combine(folder, $"invoice-{width}.png"), FullPage = true });
            }
        }
    }

    [Fact]
    public async Task A_pdf_says_the_same_on_as_many_pages_as_it_needs()
    {
        var file = Path.Combine(Path.GetTempPath(), $"holdfast-invoice-{Guid.NewGuid():N}.pdf");
        try
        {
            await File.WriteAllBytesAsync(file, InvoicePdf.Render(Invoice("Müller & Söhne Łódź Ελλάδα", 120)), Cancellation);
            if (Environment.GetEnvironmentVariable("HOLDFAST_SCREENSHOTS") is { } folder)
            {
                File.Copy(file, Path.Combine(folder, "invoice.pdf"), overwrite: true);
            }

            var text = await RunAsync("pdftotext", "-layout", file, "-");
            foreach (var said in (string[])["Invoice HF-000017", "Müller & Söhne Łódź Ελλάδα", "1 High Street", "VAT 19 %", "EUR 38.08", "EUR -3.20", "2026-11-01 – 2026-11-30", "IBAN XX00", "Page 1 of 3", "Page 3 of 3"])
            {
                Assert.Contains(said, text, StringComparison.Ordinal);
            }

            Assert.Contains("Pages:           3", await RunAsync("pdfinfo", file), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task A_credit_note_names_itself_and_speaks_the_customers_language()
    {
        var invoice = Invoice("Meier", 1) with { Total = -320, Customer = new CustomerDetails("Meier", Language: "de") };
        var html = await PageRenderer.RenderAsync(invoice);
        Assert.Contains("Gutschrift HF-000017", html, StringComparison.Ordinal);
        Assert.Contains("lang=\"de\"", html, StringComparison.Ordinal);
        Assert.DoesNotContain("IBAN", html, StringComparison.Ordinal);
        Assert.Contains("Credit note", await PageRenderer.RenderAsync(invoice with { Customer = new CustomerDetails(Language: "xx") }), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_language_has_every_text_with_the_same_places()
    {
        var english = Wording.Of("en");
        foreach (var language in Wording.Languages)
        {
            var words = Wording.Of(language);
            Assert.Equal(language, words["language"]);
            Assert.Equal(english.Keys.Order(), words.Keys.Order());
            foreach (var key in english.Keys)
            {
                // What is put into a text is put into it in every language.
                object[] values = [.. Enumerable.Range(0, 10).Select(i => $"<{i}>")];
                Assert.Equal((key, string.Concat(values.Where(value => english[key, values].Contains((string)value, StringComparison.Ordinal)))), (key, string.Concat(values.Where(value => words[key, values].Contains((string)value, StringComparison.Ordinal)))));
            }
        }
    }

    [Fact]
    public void Any_words_fit_on_a_page()
    {
        var random = new Random(7);
        for (var i = 0; i < 100; i++)
        {
            var word = new string([.. Enumerable.Range(0, random.Next(400)).Select(_ => (char)random.Next(random.Next(2) == 0 ? 0x7f : 0xffff))]);
            Assert.NotEmpty(InvoicePdf.Render(Invoice(word, 2)));
        }
    }

    private static InvoiceDocument Invoice(string customer, int lines) => new(
        "HF-000017", "smith", "2026-11", "2026-12-01", "2026-12-15", new SellerDetails("Example Backup Ltd", "2 Example Street\nExample Town", "XX123", "IBAN XX00 0000, please name the invoice"), new CustomerDetails(customer, "1 High Street\nSmithtown", TaxNumber: "YY9"), "EUR",
        [.. Enumerable.Range(0, lines - 1).Select(_ => new BillLine("storage", "home", 1, "2026-11-01", "2026-11-30", 12_345, 3520)), new BillLine("credit", "home", 1, "2026-11-01", "2026-11-30", 10, -320)], 3200, "VAT", 1900, 608, 3808);

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var output = await process.StandardOutput.ReadToEndAsync(Cancellation);
        await process.WaitForExitAsync(Cancellation);
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
