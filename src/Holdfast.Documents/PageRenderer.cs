using Holdfast.Documents.Invoices;
using Holdfast.Documents.Letters;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Documents;

/// <summary>Renders documents as HTML that needs no script; whatever stands in them is encoded.</summary>
public static class PageRenderer
{
    /// <summary>An invoice as a page.</summary>
    public static Task<string> RenderAsync(InvoiceDocument invoice) => RenderAsync<InvoicePage>(new() { [nameof(InvoicePage.View)] = new InvoiceView(invoice) });

    /// <summary>A letter as a page: what mail programs show that show more than text.</summary>
    public static Task<string> RenderAsync(Letter letter) => RenderAsync<LetterPage>(new() { [nameof(LetterPage.Letter)] = letter });

    /// <summary>A renderer keeps what it rendered until it is disposed of: each page has its own.</summary>
    private static async Task<string> RenderAsync<TPage>(Dictionary<string, object?> parameters) where TPage : IComponent
    {
        await using var services = new ServiceCollection().BuildServiceProvider();
        await using var renderer = new HtmlRenderer(services, NullLoggerFactory.Instance);
        return await renderer.Dispatcher.InvokeAsync(async () => (await renderer.RenderComponentAsync<TPage>(ParameterView.FromDictionary(parameters))).ToHtmlString());
    }
}
