using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Workflows.Service.Hosting;

namespace Workflows.Service.Tests.Hosting;

/// <summary>The page of the API has every operation and schema, runs no script, and shows text as text.</summary>
public sealed partial class ApiPageTests(RunningService service) : IClassFixture<RunningService>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Page_HasEveryOperationAndNoLinkThatLeadsNowhere()
    {
        using var answer = await service.Http.GetAsync("/api", Cancellation);
        var page = await answer.Content.ReadAsStringAsync(Cancellation);
        using var document = JsonDocument.Parse(await service.Http.GetStringAsync("/openapi.json", Cancellation));

        Assert.Equal("text/html", answer.Content.Headers.ContentType?.MediaType);
        var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("script-src", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
        Assert.DoesNotContain("style=", page, StringComparison.Ordinal);
        foreach (var path in document.RootElement.GetProperty("paths").EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                Assert.Contains(
                    $"<h2 id=\"{operation.Value.GetProperty("operationId").GetString()}\"><code>"
                        + $"{operation.Name.ToUpperInvariant()} {WebUtility.HtmlEncode(path.Name)}</code></h2>",
                    page, StringComparison.Ordinal);
            }
        }

        var ids = Ids().Matches(page).Select(match => match.Groups[1].Value).ToList();
        Assert.Distinct(ids);
        Assert.All(Links().Matches(page).Select(match => match.Groups[1].Value), link => Assert.Contains(link, ids));
        Assert.All(
            Addresses().Matches(page).Select(match => match.Groups[1].Value),
            address => Assert.Matches("^(/|#|data:,)", address));

        // A browser that has the page asks only whether it is the same.
        using var again = new HttpRequestMessage(HttpMethod.Get, "/api");
        again.Headers.IfNoneMatch.Add(answer.Headers.ETag!);
        using var same = await service.Http.SendAsync(again, Cancellation);
        Assert.Equal(HttpStatusCode.NotModified, same.StatusCode);
        Assert.Contains(
            "<a href=\"/api\">", await service.Http.GetStringAsync("/", Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public void Page_OfADocumentWithMarkup_ShowsItAsText()
    {
        const string Bad = "<img src=x onerror=alert(1)>\"'`<b>`";
        var page = ApiPage.HtmlOf(JsonSerializer.Serialize(new
        {
            info = new { description = Bad },
            paths = new Dictionary<string, object>
            {
                [$"/{Bad}"] = new
                {
                    get = new
                    {
                        operationId = Bad,
                        summary = Bad,
                        description = Bad,
                        parameters = new object[] { new { name = Bad, @in = Bad, description = Bad } },
                        responses = new Dictionary<string, object> { [Bad] = new { description = Bad } },
                    },
                },
            },
            components = new { schemas = new Dictionary<string, object> { [Bad] = new { type = Bad } } },
        }));

        Assert.DoesNotContain("<img", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", page, StringComparison.Ordinal);
    }

    [GeneratedRegex("id=\"([^\"]*)\"")]
    private static partial Regex Ids();

    [GeneratedRegex("href=\"#([^\"]*)\"")]
    private static partial Regex Links();

    [GeneratedRegex("(?:href|src)=\"([^\"]*)\"")]
    private static partial Regex Addresses();
}
