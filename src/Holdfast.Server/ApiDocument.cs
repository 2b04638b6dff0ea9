using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Holdfast.Protocol.Failures;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Holdfast.Server;

/// <summary>The API's description, made from the routes: the same wherever the service runs, so that it can be compared with the one in docs/openapi.json.</summary>
internal static partial class ApiDocument
{
    private const string Bearer = "bearer";
    private const string ProblemName = "Problem";

    public static void Configure(OpenApiOptions options)
    {
        // Who may: the action is looked up in docs/permissions.md.
        options.AddOperationTransformer((operation, context, _) =>
        {
            if (context.Description.ActionDescriptor.EndpointMetadata.OfType<Authority.Callers.ApiEndpoint>().FirstOrDefault() is { } endpoint)
            {
                operation.AddExtension("x-action", new JsonNodeExtension(endpoint.Name));
                operation.Security = endpoint.IsForAnybody ? [] : [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Bearer, context.Document)] = [] }];
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
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                [Bearer] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "A session, a token for programs, an operator's or a computer's token." },
            };
            document.Components.Schemas ??= new Dictionary<string, IOpenApiSchema>();
            document.Components.Schemas[ProblemName] = ProblemSchema();
            document.Servers = [];
            document.Tags = null;
            foreach (var (path, item) in document.Paths)
            {
                foreach (var operation in item.Operations?.Values ?? Enumerable.Empty<OpenApiOperation>())
                {
                    operation.Tags = null;
                    operation.Responses ??= [];
                    operation.Responses["default"] = new OpenApiResponse
                    {
                        Description = "It failed: `code` says why.",
                        Content = new Dictionary<string, OpenApiMediaType> { ["application/problem+json"] = new() { Schema = new OpenApiSchemaReference(ProblemName, document) } },
                    };
                    NameRouteParameters(path, operation);
                }
            }

            return Task.CompletedTask;
        });
    }

    /// <summary>RFC 9457, with the stable codes of docs/errors.md.</summary>
    private static OpenApiSchema ProblemSchema() => new()
    {
        Type = JsonSchemaType.Object,
        Required = new HashSet<string> { "title", "status", "code" },
        Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["type"] = new OpenApiSchema { Type = JsonSchemaType.String },
            ["title"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "What to do." },
            ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int32" },
            ["detail"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "What went wrong." },
            ["code"] = new OpenApiSchema { Type = JsonSchemaType.String, Enum = [.. FailureTable.All.Keys.Order(StringComparer.Ordinal).Select(code => (JsonNode)code)] },
            ["turn"] = new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Description = "For not_admitted: when to come again. Show the token then, in the header Holdfast-Turn.",
                Properties = new Dictionary<string, IOpenApiSchema>
                {
                    ["token"] = new OpenApiSchema { Type = JsonSchemaType.String },
                    ["reason"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "closed, held, turn or busy." },
                    ["at"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64", Description = "Not before, and within half an hour after; Unix seconds." },
                    ["expected_start"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64", Description = "When the backup about begins; Unix seconds." },
                },
            },
        },
    };

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
