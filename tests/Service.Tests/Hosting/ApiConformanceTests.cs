using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace Workflows.Service.Tests.Hosting;

/// <summary>The API answers good requests as its document says: with the schema of each answer.</summary>
public sealed class ApiConformanceTests(RunningService service) : IClassFixture<RunningService>
{
    private static readonly string[] Hostile =
        ["", "-1", "1e999", "99999999999999999999", "null", "{}", "%00", "%F0%9F%92%A9", "a,b;c", "../..", "<script>"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task EveryReading_OfARunAndItsFiles_HasItsSchema()
    {
        var document = await DocumentAsync();
        using var put = await service.Http.PutAsync("/files/pairs.tsv", new StringContent("가\ta\n"), Cancellation);
        Assert.True(put.IsSuccessStatusCode);
        var started = await SendAsync(document, "POST", "/runs", "/runs", Request());
        var id = (string)started["id"]!;
        await SendAsync(document, "GET", "/runs/{id}", $"/runs/{id}", null);
        await service.ReportAsync(id);
        await SendAsync(document, "POST", "/sweep", "/sweep", null);

        var read = 0;
        foreach (var (path, operations) in document["paths"]!.AsObject())
        {
            if (operations!["get"] is not null)
            {
                var address = path.Replace("{id}", id, StringComparison.Ordinal)
                    .Replace("{name}", "pairs.tsv", StringComparison.Ordinal);
                await SendAsync(document, "GET", path, address, null);
                read++;
            }
        }

        Assert.True(read > 20, $"{read}");
        await SendAsync(
            document, "GET", "/runs/{id}", $"/runs/{id}?showInput=true&showHistory=true&showHistoryOutput=true", null);
    }

    [Fact]
    public async Task EveryWriting_ThatIsRight_HasItsSchema()
    {
        var document = await DocumentAsync();
        await SendAsync(document, "POST", "/plan", "/plan", Request());
        await SendAsync(document, "POST", "/doctor", "/doctor", Request());
        await SendAsync(document, "POST", "/runs", "/runs?timeout=300&pollingInterval=1", Request());
        var lasting = Request(100_000);
        var id = (string)(await SendAsync(document, "POST", "/runs", "/runs", lasting))["id"]!;
        await service.WaitAsync(id, run => run.GetProperty("stage").GetString() == "train");
        await SendAsync(document, "POST", "/runs/{id}/suspend", $"/runs/{id}/suspend?reason=lunch", null);
        await SendAsync(document, "POST", "/runs/{id}/unsuspend", $"/runs/{id}/unsuspend", null);
        await SendAsync(document, "POST", "/runs/{id}/cancel", $"/runs/{id}/cancel?reason=enough", null);
        await service.ReportAsync(id);
        var again = await SendAsync(
            document, "POST", "/runs/{id}/rerun", $"/runs/{id}/rerun", new JsonObject
            {
                ["training"] = new JsonObject { ["steps"] = 2 },
            });
        await service.ReportAsync((string)again["id"]!);
        await SendAsync(document, "DELETE", "/runs/{id}", $"/runs/{id}", null);
    }

    /// <summary>Any value of any parameter is answered as described: never by a fault of the service.</summary>
    [Fact]
    public async Task EveryParameter_WithHostileValues_IsAnsweredAsDescribed()
    {
        var document = await DocumentAsync();
        var id = (string)(await SendAsync(document, "POST", "/runs", "/runs", Request()))["id"]!;
        await service.ReportAsync(id);
        var tried = 0;
        foreach (var (path, operations) in document["paths"]!.AsObject())
        {
            var parameters = operations!["get"]?["parameters"]?.AsArray() ?? [];
            foreach (var name in parameters.Where(each => (string)each!["in"]! == "query")
                .Select(each => (string)each!["name"]!))
            {
                foreach (var value in Hostile)
                {
                    var address = path.Replace("{id}", id, StringComparison.Ordinal)
                        .Replace("{name}", "none", StringComparison.Ordinal);
                    using var answer = await service.Http.GetAsync($"{address}?{name}={value}", Cancellation);
                    var status = $"{(int)answer.StatusCode}";
                    tried++;

                    Assert.True(
                        answer.StatusCode < HttpStatusCode.InternalServerError
                            && operations["get"]!["responses"]!.AsObject().ContainsKey(status),
                        $"{address}?{name}={value}: {status}");
                }
            }
        }

        Assert.True(tried > 100, $"{tried}");
    }

    private JsonObject Request(int steps = 2) =>
        service.Request("""{"zones": {"us-west4-a": {"capacity": 0}}}""", steps);

    private async Task<JsonNode> DocumentAsync() =>
        JsonNode.Parse(await service.Http.GetStringAsync("/openapi.json", Cancellation))!;

    private async Task<JsonNode> SendAsync(
        JsonNode document, string method, string path, string address, JsonObject? body)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), address);
        request.Content = body is null ? null : JsonContent.Create(body);
        using var answer = await service.Http.SendAsync(request, Cancellation);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.IsSuccessStatusCode, $"{method} {address}: {answer.StatusCode} {text}");
        var content = document["paths"]![path]![method.ToLowerInvariant()]!["responses"]![$"{(int)answer.StatusCode}"]!
            ["content"];
        Assert.True(content is not null, $"{method} {address}: no content is described.");
        var type = answer.Content.Headers.ContentType!.MediaType!;
        Assert.True(content![type] is not null, $"{method} {address}: {type} is not described.");
        if (type != "application/json")
        {
            return new JsonObject();
        }

        var value = JsonNode.Parse(text);
        if (content[type]!["schema"] is JsonObject schema)
        {
            Assert.Empty(new ApiSchema(document).Faults(schema, value, $"{method} {path}").Distinct().Take(20));
        }

        return value!;
    }
}
