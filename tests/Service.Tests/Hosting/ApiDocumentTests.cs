using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Hosting;

/// <summary>The description of the API is the committed one, has every path, and is kept by every answer.</summary>
public sealed class ApiDocumentTests(RunningService service) : IClassFixture<RunningService>
{
    private static readonly string Committed = Path.Combine(Checkout.Root, "docs", "openapi.json");

    private static readonly string[] Hostile =
    [
        "nobody", "..", "%2e%2e%2f", "a%20b", "%ED%95%9C", "-", "x';drop--", "%3Cscript%3E", new('n', 3000),
    ];

    private static readonly string[] Bodies = ["", "{", "[]", "null", "7", "\"text\"", "{\"colour\": 1}", "\u0000"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Document_IsTheCommittedOne()
    {
        var text = JsonNode.Parse(await service.Http.GetStringAsync("/openapi.json", Cancellation))!.ToJsonString(
            new JsonSerializerOptions
            {
                WriteIndented = true,
                Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            }) + "\n";
        if (Environment.GetEnvironmentVariable("WORKFLOWS_WRITE_DOCS") == "1")
        {
            await File.WriteAllTextAsync(Committed, text, Cancellation);
        }

        Assert.True(
            await File.ReadAllTextAsync(Committed, Cancellation) == text,
            "docs/openapi.json differs from the API. If that is meant, write it with WORKFLOWS_WRITE_DOCS=1, and read "
            + "the difference: clients are made from it.");
    }

    [Fact]
    public async Task Document_NamesEachOperationOnceWithItsAnswers()
    {
        var operations = await OperationsAsync();

        Assert.Equal(
            [
                "DELETE /files/{name}", "DELETE /runs", "DELETE /runs/{id}", "DELETE /session", "DELETE /zones",
                "DELETE /zones/{place}", "GET /files", "GET /files/{name}", "GET /healthz", "GET /readyz", "GET /runs",
                "GET /runs/{id}", "GET /runs/{id}/attempts", "GET /runs/{id}/cost", "GET /runs/{id}/events",
                "GET /runs/{id}/logs", "GET /runs/{id}/metrics", "GET /runs/{id}/report", "GET /runs/{id}/report.html",
                "GET /runs/{id}/report.ko.html", "GET /runs/{id}/resources", "GET /session", "GET /spending",
                "GET /sweep", "GET /zones", "GET /zones/prices", "GET /zones/seen", "HEAD /files/{name}",
                "POST /doctor", "POST /plan", "POST /runs",
                "POST /runs/{id}/cancel", "POST /runs/{id}/events/{name}", "POST /runs/{id}/rerun",
                "POST /runs/{id}/resume", "POST /runs/{id}/rewind", "POST /runs/{id}/suspend",
                "POST /runs/{id}/terminate", "POST /runs/{id}/unsuspend",
                "POST /session", "POST /sweep", "PUT /files/{name}",
            ],
            operations.Select(each => $"{each.Method} {each.Path}").Order(StringComparer.Ordinal));
        Assert.Distinct(operations.Select(each => (string)each.Operation["operationId"]!));
        Assert.All(operations, each =>
        {
            Assert.NotEmpty((string)each.Operation["summary"]!);
            Assert.Contains(
                each.Operation["responses"]!.AsObject(), answer => answer.Key[0] is '2' or '3');
        });
    }

    /// <summary>Whatever is asked, status and form of the answer are described.</summary>
    [Fact]
    public async Task EveryOperation_WithHostilePathsAndBodies_AnswersAsDescribed()
    {
        foreach (var (method, path, operation) in await OperationsAsync())
        {
            foreach (var hostile in path.Contains('{') ? Hostile : [""])
            {
                foreach (var body in method == "POST" ? Bodies : [""])
                {
                    await AnswersAsDescribedAsync(method, path, hostile, body, operation);
                }
            }
        }
    }

    /// <summary>Bodies are JSON under any name: curl calls them forms, and other programs call them nothing.</summary>
    [Theory]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("text/plain")]
    [InlineData("application/json; charset=utf-8")]
    [InlineData("application/vnd.workflows+json")]
    [InlineData("nonsense")]
    [InlineData(null)]
    public async Task Body_OfAnyMediaType_IsReadAsJson(string? type)
    {
        foreach (var path in new[] { "/runs", "/plan", "/runs/nobody/resume", "/doctor", "/sweep" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, path);
            request.Content = new ByteArrayContent("{\"colour\": 1}"u8.ToArray());
            if (type is not null)
            {
                request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
            }

            using var answer = await service.Http.SendAsync(request, Cancellation);

            var expected = path.Contains("nobody", StringComparison.Ordinal)
                ? HttpStatusCode.NotFound : HttpStatusCode.BadRequest;
            Assert.True(expected == answer.StatusCode, $"{path} as {type}: {answer.StatusCode}");
        }
    }

    [Theory]
    [InlineData("/openapi.yaml")]
    [InlineData("/engine.json")]
    [InlineData("/openapi.json/x")]
    public async Task Document_OfAnotherName_IsUnknown(string path)
    {
        using var answer = await service.Http.GetAsync(path, Cancellation);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    private async Task AnswersAsDescribedAsync(
        string method, string path, string hostile, string body, JsonObject operation)
    {
        var start = path.IndexOf('{', StringComparison.Ordinal);
        var address = start < 0
            ? path : path[..start] + hostile + path[(path.IndexOf('}', StringComparison.Ordinal) + 1)..];
        using var request = new HttpRequestMessage(new HttpMethod(method), address);
        if (method == "POST")
        {
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        }

        using var answer = await service.Http.SendAsync(request, Cancellation);
        var said = $"{method} {address} with '{body}': {(int)answer.StatusCode} {answer.Content.Headers.ContentType}";
        var status = $"{(int)answer.StatusCode}";

        // A name such as ".." is gone before the request is sent, and leads to another path.
        if (new Uri(service.Http.BaseAddress!, address).AbsolutePath.TrimEnd('/').Count(each => each == '/')
            != address.TrimEnd('/').Count(each => each == '/'))
        {
            Assert.True((int)answer.StatusCode < 500, said);
            return;
        }

        var described = operation["responses"]!.AsObject();
        Assert.True(described.ContainsKey(status), $"{said} is not described.");
        if (method == "HEAD")
        {
            Assert.Empty(await answer.Content.ReadAsByteArrayAsync(Cancellation));
            return;
        }

        if (described[status]!["content"] is JsonObject { Count: > 0 } content)
        {
            Assert.Contains(answer.Content.Headers.ContentType!.MediaType!, content.Select(each => each.Key));
        }

        if ((int)answer.StatusCode >= 400)
        {
            using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancellation));
            Assert.Matches("^[A-Z_]+$", problem.RootElement.GetProperty("code").GetString());
        }
    }

    private async Task<List<(string Method, string Path, JsonObject Operation)>> OperationsAsync()
    {
        var document = JsonNode.Parse(await service.Http.GetStringAsync("/openapi.json", Cancellation))!;
        Assert.StartsWith("3.1", (string)document["openapi"]!, StringComparison.Ordinal);
        return
        [
            .. document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject().Select(
                operation => (operation.Key.ToUpperInvariant(), path.Key, operation.Value!.AsObject()))),
        ];
    }
}
