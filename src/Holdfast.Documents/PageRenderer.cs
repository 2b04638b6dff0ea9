using Holdfast.Documents.Invoices;
using Holdfast.Documents.Letters;
using Holdfast.Documents.Reports;
using Holdfast.Documents.Status;
using Holdfast.Protocol.Messages;
using Markdig;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Documents;

/// <summary>Renders documents as HTML that needs no script; whatever stands in them is encoded.</summary>
public static class PageRenderer
{
    private static readonly MarkdownPipeline _markdown = new MarkdownPipelineBuilder().DisableHtml().UsePipeTables().Build();

    /// <summary>An invoice as a page.</summary>
    public static Task<string> RenderAsync(InvoiceDocument invoice) => RenderAsync<InvoicePage>(new() { [nameof(InvoicePage.View)] = new InvoiceView(invoice) });

    /// <summary>A letter as a page: what mail programs show that show more than text.</summary>
    public static Task<string> RenderAsync(Letter letter) => letter.IsMarkdown ? RenderMarkdownAsync(letter.Subject, letter.Body, letter.Language) : RenderAsync<LetterPage>(new() { [nameof(LetterPage.Letter)] = letter });

    /// <summary>Markdown as a page; HTML in it is shown, not taken for its own.</summary>
    public static Task<string> RenderMarkdownAsync(string title, string markdown, string language) =>
        RenderAsync<ReportPage>(new() { [nameof(ReportPage.Title)] = title, [nameof(ReportPage.Html)] = Markdown.ToHtml(markdown, _markdown), [nameof(ReportPage.Language)] = language });

    /// <summary>How the service is, as a page that anybody's server can serve.</summary>
    public static Task<string> RenderAsync(StatusView status) => RenderAsync<StatusPage>(new() { [nameof(StatusPage.View)] = status });

    /// <summary>A renderer keeps what it rendered until it is disposed of: each page has its own.</summary>
    private static async Task<string> RenderAsync<TPage>(Dictionary<string, object?> parameters) where TPage : IComponent
    {
        await using var services = new ServiceCollection().BuildServiceProvider();
        await using var renderer = new HtmlRenderer(services, NullLoggerFactory.Instance);
        return await renderer.Dispatcher.InvokeAsync(async () => (await renderer.RenderComponentAsync<TPage>(ParameterView.FromDictionary(parameters))).ToHtmlString());
    }
}
