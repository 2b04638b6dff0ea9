using System.Text.RegularExpressions;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Holdfast.Server;

/// <summary>The API's description, made from the routes: the same wherever the service runs, so that it can be compared with the one in docs/openapi.json.</summary>
internal static partial class ApiDocument
{
    public static void Configure(OpenApiOptions options)
    {
        // Who may: the action is looked up in docs/permissions.md.
        options.AddOperationTransformer((operation, context, _) =>
        {
            if (context.Description.ActionDescriptor.EndpointMetadata.OfType<Authority.Callers.ApiEndpoint>().FirstOrDefault() is { } endpoint)
            {
                operation.AddExtension("x-action", new JsonNodeExtension(endpoint.Name));
            }

            return Task.CompletedTask;
        });
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "Holdfast", Version = "v1",
                Description = "The central authority. Failures are application/problem+json with a stable code (docs/errors.md); lists come in pages: pass `next` as `cursor`. "
                    + "Changes by people and tokens take an Idempotency-Key: asked for again within a day they are done once, and answered as before. What they read has an ETag.",
            };
            document.Servers = [];
            document.Tags = null;
            foreach (var (path, item) in document.Paths)
            {
                foreach (var operation in item.Operations?.Values ?? Enumerable.Empty<OpenApiOperation>())
                {
                    operation.Tags = null;
                    NameRouteParameters(path, operation);
                }
            }

            return Task.CompletedTask;
        });
    }

    /// <summary>Those that a rule reads, and no handler, would be missing.</summary>
    private static void NameRouteParameters(string path, OpenApiOperation operation)
    {
        foreach (Match match in RouteParameter().Matches(path))
        {
            var name = match.Groups[1].Value;
            if (operation.Parameters?.Any(parameter => parameter.Name == name && parameter.In == ParameterLocation.Path) != true)
            {
                operation.Parameters ??= [];
                operation.Parameters.Add(new OpenApiParameter { Name = name, In = ParameterLocation.Path, Required = true, Schema = new OpenApiSchema { Type = JsonSchemaType.String } });
            }
        }
    }

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex RouteParameter();
}
