using System.Net;
using System.Net.Http.Headers;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>A caller that asks again is told that nothing has changed, or what has.</summary>
public sealed class EntityTagTests(RunningService service) : IClassFixture<RunningService>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Get_WithTheTagOfTheAnswerBefore_Answers304UntilTheContentChanges()
    {
        var id = await service.StartAsync(service.Request(steps: 2));
        await service.ReportAsync(id);
        foreach (var path in new[]
        {
            $"/runs/{id}", $"/runs/{id}/attempts", $"/runs/{id}/metrics", $"/runs/{id}/resources", "/runs",
            $"/runs/{id}?showHistory=true&timeout=1",
        })
        {
            using var first = await service.Http.GetAsync(path, Cancellation);
            var tag = first.Headers.ETag!;
            using var same = await GetAsync(path, tag);
            using var any = await GetAsync(path, EntityTagHeaderValue.Any);
            using var other = await GetAsync(path, new EntityTagHeaderValue("\"other\""));
            using var weak = await GetAsync(path, new EntityTagHeaderValue(tag.Tag, isWeak: true));

            Assert.Equal(HttpStatusCode.OK, first.StatusCode);
            Assert.Equal(HttpStatusCode.NotModified, same.StatusCode);
            Assert.Equal(tag, same.Headers.ETag);
            Assert.Empty(await same.Content.ReadAsByteArrayAsync(Cancellation));
            Assert.Equal(HttpStatusCode.NotModified, any.StatusCode);
            Assert.Equal(HttpStatusCode.NotModified, weak.StatusCode);
            Assert.Equal(HttpStatusCode.OK, other.StatusCode);
            Assert.Equal(
                await first.Content.ReadAsStringAsync(Cancellation),
                await other.Content.ReadAsStringAsync(Cancellation));
        }

        using var before = await service.Http.GetAsync("/runs", Cancellation);
        await service.ReportAsync(await service.StartAsync(service.Request(steps: 1)));
        using var after = await GetAsync("/runs", before.Headers.ETag!);
        Assert.Equal(HttpStatusCode.OK, after.StatusCode);
    }

    [Fact]
    public async Task Get_WithRubbishForATag_AnswersTheContent()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/runs");
        request.Headers.TryAddWithoutValidation("If-None-Match", "not a tag, \"");

        using var answer = await service.Http.SendAsync(request, Cancellation);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private Task<HttpResponseMessage> GetAsync(string path, EntityTagHeaderValue tag)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.IfNoneMatch.Add(tag);
        return service.Http.SendAsync(request, Cancellation);
    }
}
