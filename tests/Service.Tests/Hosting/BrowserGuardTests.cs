using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Workflows.Service.Tests.Hosting;

/// <summary>Requests that a browser sends for a page of another site.</summary>
public sealed class BrowserGuardTests(RunningService service) : IClassFixture<RunningService>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("POST", "/runs", "Origin", "https://evil.example")]
    [InlineData("POST", "/runs", "Origin", "null")]
    [InlineData("POST", "/runs", "Origin", "http://127.0.0.1:1")]
    [InlineData("POST", "/runs", "Sec-Fetch-Site", "cross-site")]
    [InlineData("POST", "/runs", "Sec-Fetch-Site", "same-site")]
    [InlineData("POST", "/sweep", "Origin", "https://evil.example")]
    [InlineData("DELETE", "/zones", "Origin", "https://evil.example")]
    [InlineData("POST", "/runs/any/cancel", "Origin", "https://evil.example")]
    public async Task Send_ForAPageOfAnotherSite_ChangesNothing(string method, string path, string header, string value)
    {
        using var message = new HttpRequestMessage(new HttpMethod(method), path);
        message.Content = JsonContent.Create(service.Request());
        message.Headers.TryAddWithoutValidation(header, value);

        Assert.Equal("CROSS_ORIGIN", await CodeAsync(message, HttpStatusCode.Forbidden));

        Assert.Equal(0, (await service.Http.GetFromJsonAsync<JsonElement>("/runs", Cancellation)).GetArrayLength());
    }

    [Fact]
    public async Task Send_ForThePageOfTheServiceOrAProgram_IsTaken()
    {
        var own = service.Http.BaseAddress!.GetLeftPart(UriPartial.Authority);
        foreach (var (header, value) in new[] { ("Origin", own), ("Sec-Fetch-Site", "same-origin"), ("Accept", "*/*") })
        {
            using var message = new HttpRequestMessage(HttpMethod.Delete, "/zones");
            message.Headers.TryAddWithoutValidation(header, value);
            using var answer = await service.Http.SendAsync(message, Cancellation);

            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }

    [Theory]
    [InlineData("evil.example")]
    [InlineData("localhost.evil.example")]
    [InlineData("127.0.0.1.evil.example")]
    [InlineData("10.0.0.1")]
    public async Task Send_UnderAnotherName_IsMisdirected(string host)
    {
        using var message = new HttpRequestMessage(HttpMethod.Get, "/runs");
        message.Headers.Host = host;

        Assert.Equal("HOST_UNKNOWN", await CodeAsync(message, HttpStatusCode.MisdirectedRequest));
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("LOCALHOST:9")]
    [InlineData("workflows.localhost")]
    [InlineData("[::1]:8080")]
    [InlineData("127.0.0.9")]
    public async Task Send_UnderANameOfThisMachine_IsAnswered(string host)
    {
        using var message = new HttpRequestMessage(HttpMethod.Get, "/healthz");
        message.Headers.Host = host;
        using var answer = await service.Http.SendAsync(message, Cancellation);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private async Task<string?> CodeAsync(HttpRequestMessage message, HttpStatusCode status)
    {
        using var answer = await service.Http.SendAsync(message, Cancellation);
        Assert.Equal(status, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation)).GetProperty("code").GetString();
    }
}
