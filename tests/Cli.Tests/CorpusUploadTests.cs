using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Workflows.TestKit;

namespace Workflows.Cli.Tests;

/// <summary>Corpus files of this machine on their way to a service on another one.</summary>
public sealed class CorpusUploadTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("upload-");
    private readonly ConcurrentDictionary<string, string> _files = new(StringComparer.Ordinal);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Request_WithFilesAFolderAndAddresses_UploadsEachFileOnce()
    {
        await File.WriteAllTextAsync(_folder["my pairs.tsv"], "하나\tone\n", Cancellation);
        Directory.CreateDirectory(_folder["shards"]);
        await File.WriteAllTextAsync(_folder["shards/1.tsv"], "1\t1\n", Cancellation);
        await File.WriteAllTextAsync(_folder["shards/2.tsv"], "2\t2\n", Cancellation);
        var request = new JsonObject
        {
            ["model"] = "/models/gemma",
            ["data"] = new JsonObject
            {
                ["train"] = $"{_folder["my pairs.tsv"]},gs://b/x.tsv,/only/there.tsv",
                ["test"] = _folder["shards"],
                ["validation"] = 7,
            },
        };
        await using var service = await StartAsync();
        await using var link = await LinkAsync(service);

        var said = new List<string>();
        var first = await CorpusUpload.OfRequestAsync(link, request.ToJsonString(), true, said.Add, Cancellation);
        var again = await CorpusUpload.OfRequestAsync(link, request.ToJsonString(), true, said.Add, Cancellation);

        Assert.Equal(first, again);
        var data = JsonNode.Parse(first)!["data"]!;
        Assert.Matches(@"^upload://my_pairs-[0-9a-f]{12}\.tsv,gs://b/x\.tsv,/only/there\.tsv$", (string?)data["train"]);
        Assert.Matches(@"^upload://1-[0-9a-f]{12}\.tsv,upload://2-[0-9a-f]{12}\.tsv$", (string?)data["test"]);
        Assert.Equal("/models/gemma", (string?)JsonNode.Parse(first)!["model"]);
        Assert.Equal(["1\t1\n", "2\t2\n", "하나\tone\n"], _files.Values.Order(StringComparer.Ordinal));
        Assert.Equal(3, said.Count(each => each.StartsWith("Uploaded ", StringComparison.Ordinal)));
        Assert.Equal(3, said.Count(each => each.Contains(" already", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Request_ForAServiceOfThisMachine_KeepsItsPaths()
    {
        await File.WriteAllTextAsync(_folder["pairs.tsv"], "x", Cancellation);
        var request = $"{{\"data\":{{\"train\":\"{_folder["pairs.tsv"]}\"}}}}";
        await using var link = await ServiceLink.OpenAsync(
            new Uri("http://127.0.0.1:1"), "nowhere", null, null, Cancellation);
        await using var remote = await ServiceLink.OpenAsync(
            new Uri("http://workflows.example"), "nowhere", null, null, Cancellation);

        Assert.Equal(request, await CorpusUpload.OfRequestAsync(link, request, null, Assert.Fail, Cancellation));
        Assert.Equal(request, await CorpusUpload.OfRequestAsync(remote, request, false, Assert.Fail, Cancellation));
        Assert.True(remote.IsElsewhere);
    }

    [Theory]
    [InlineData("pairs.tsv.gz", "pairs-000000000000.tsv.gz")]
    [InlineData("말뭉치 (1).jsonl", "말뭉치__1_-000000000000.jsonl")]
    [InlineData("..tsv", "file-000000000000.tsv")]
    [InlineData("plain", "plain-000000000000")]
    public void NameOf_AnyName_IsOneThatTheServiceTakes(string name, string expected) =>
        Assert.Equal(expected, CorpusUpload.NameOf($"/x/{name}", new byte[32]));

    private async Task<WebApplication> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var service = builder.Build();
        service.Urls.Add("http://127.0.0.1:0");
        var tags = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        service.MapMethods("/files/{name}", ["HEAD"], (string name, HttpResponse response) =>
        {
            response.StatusCode = tags.TryGetValue(name, out var tag) ? 200 : 404;
            response.Headers.ETag = tag;
        });
        service.MapPut("/files/{name}", async (string name, HttpRequest request) =>
        {
            using var reader = new StreamReader(request.Body);
            _files[name] = await reader.ReadToEndAsync(Cancellation);
            var digest = request.Headers["Content-Digest"].ToString()["sha-256=:".Length..].TrimEnd(':');
            tags[name] = $"\"{Convert.ToHexStringLower(Convert.FromBase64String(digest))}\"";
        });
        await service.StartAsync(Cancellation);
        return service;
    }

    private static Task<ServiceLink> LinkAsync(WebApplication service) =>
        ServiceLink.OpenAsync(new Uri(service.Urls.Single()), "nowhere", null, null, Cancellation);
}
