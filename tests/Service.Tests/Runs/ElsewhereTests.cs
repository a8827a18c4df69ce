using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Reporting;
using Workflows.Artifacts;
using Workflows.Orchestrations;
using Workflows.Service.Hosting;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Runs;

/// <summary>Runs whose model and corpus are on the Hub or in a bucket, from the request to the report.</summary>
public sealed class ElsewhereTests : IAsyncLifetime
{
    private const string Next = "fedcba9876543210fedcba9876543210fedcba98";
    private readonly TemporaryFolder _cache = new("hub-cache-");
    private FakeHub _hub = null!;
    private RunningService _service = null!;
    private bool _isOffline;
    private Uri? _bucket;
    private string? _token;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _hub = await FakeHub.StartAsync();
        _service = new RunningService
        {
            Change = services => services.AddSingleton<Func<Uri?, ArtifactStores>>(emulator => new ArtifactStores(
                _bucket ?? emulator,
                new HubSettings
                {
                    Endpoint = _hub.Address,
                    Cache = _cache.Path,
                    IsOffline = _isOffline,
                    Token = _token,
                }, TimeProvider.System, TimeSpan.FromMilliseconds(1))),
        };
        await _service.InitializeAsync();
        foreach (var path in Directory.EnumerateFiles(Path.Combine(_service.Folder, "model")))
        {
            _hub.Files[Path.GetFileName(path)] = await File.ReadAllBytesAsync(path, Cancellation);
        }

        _hub.Files["model.gguf"] = [1];
        _hub.Files["pairs.tsv"] = await File.ReadAllBytesAsync(
            Path.Combine(_service.Folder, "pairs.tsv"), Cancellation);
        _hub.Files["test/a.tsv"] = "ko\ten\n"u8.ToArray()
            .Concat(System.Text.Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(1, 8).Select(
                each => $"저는 {each}층에 삽니다.\tI live on floor {each}.\n")))).ToArray();
        _hub.Large.Add("model.safetensors");
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        await _hub.DisposeAsync();
        _cache.Dispose();
    }

    [Fact]
    public async Task Run_WithModelAndCorpusOfTheHub_UsesOneCommitThoughTheBranchMoves()
    {
        var first = new SortedDictionary<string, byte[]>(_hub.Files, StringComparer.Ordinal);
        var isMoved = false;
        _hub.Before = context =>
        {
            // The branch moves once the run has found its commit, to a model that could not be loaded.
            if (!isMoved && context.Request.Path.Value!.Contains("/resolve/", StringComparison.Ordinal))
            {
                isMoved = true;
                _hub.MoveTo(Next, new(first, StringComparer.Ordinal) { ["config.json"] = "{}"u8.ToArray() });
            }

            return Task.FromResult(false);
        };

        var id = await _service.StartAsync(Request(
            "hf://google/tiny", $"hf://datasets/org/pairs@{FakeHub.Commit}/pairs.tsv",
            $"hf://datasets/org/pairs@{FakeHub.Commit}/test"));
        var report = await _service.ReportAsync(id);

        Assert.True(report.GetProperty("status").GetString() == "succeeded", $"{report}");
        Assert.True(isMoved);
        Assert.Equal(
            $"hf://google/tiny@{FakeHub.Commit}", Assert.Single(Facts<ModelFact>(id, LedgerKinds.Model)).Address);
        var brought = Assert.Single(Facts<ModelBroughtFact>(id, LedgerKinds.ModelBrought));
        Assert.StartsWith($"gs://rehearsal-{id}-artifacts/models/sha256-", brought.Address, StringComparison.Ordinal);
        Assert.Contains(
            report.GetProperty("data").GetProperty("gates").EnumerateArray(),
            gate => gate.GetProperty("detail").GetString()!.Contains(FakeHub.Commit, StringComparison.Ordinal));
        Assert.DoesNotContain(_hub.Requests, request => request.Contains("gguf", StringComparison.Ordinal));
        Assert.False(Directory.Exists(
            Path.Combine(_service.Settings.StateDirectory, "runs", id, "inputs")));

        // The next run meets the commit that the branch stands for now, and is refused before anything is rented.
        var refused = await _service.ReportAsync(
            await _service.StartAsync(Request("hf://google/tiny")));
        Assert.StartsWith(
            "'hf://google/tiny/config.json'",
            refused.GetProperty("failure").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Empty(refused.GetProperty("attempts").EnumerateArray());
    }

    [Fact]
    public async Task Run_WithModelAndCorpusInABucket_CopiesTheModelByItsContent()
    {
        var ports = ServicePorts.Kept(_service.Settings.StateDirectory)!;
        using var bucket = new StorageArtifactStore(new Uri($"http://127.0.0.1:{ports.EmulatorStorage}"));
        await bucket.CreateBucketAsync("team-models", "team-project", Cancellation);
        foreach (var (name, bytes) in _hub.Files.Where(file => !file.Key.Contains('/', StringComparison.Ordinal)))
        {
            await bucket.WriteBytesAsync(
                ArtifactUri.Parse($"gs://team-models/gemma/{name}"), bytes, WriteCondition.None, Cancellation);
        }

        var id = await _service.StartAsync(Request(
            "gs://team-models/gemma/", "gs://team-models/gemma/pairs.tsv"));
        var report = await _service.ReportAsync(id);

        Assert.True(report.GetProperty("status").GetString() == "succeeded", $"{report}");
        var brought = Assert.Single(Facts<ModelBroughtFact>(id, LedgerKinds.ModelBrought));
        var manifest = await new ArtifactTree(bucket).FindAsync(ArtifactUri.Parse(brought.Address), Cancellation);
        Assert.Contains("model.safetensors", manifest!.Files.Keys);
        Assert.DoesNotContain("model.gguf", manifest.Files.Keys);
    }

    [Theory]
    [InlineData("gated", "hf://google/tiny", "ARTIFACT_GATED", "Accept the licence at")]
    [InlineData("private", "hf://google/tiny", "ARTIFACT_NOT_FOUND", "a private repository needs HF_TOKEN")]
    [InlineData("", "hf://google/tiny@v9", "ARTIFACT_REVISION_NOT_FOUND", "leave @REVISION out")]
    [InlineData("", "hf://google/none", "ARTIFACT_NOT_FOUND", "Check the name")]
    [InlineData("wrong hash", "hf://google/tiny", "ARTIFACT_DAMAGED", "again")]
    [InlineData("cut short", "hf://google/tiny", "ARTIFACT_TRUNCATED", "Try again later")]
    [InlineData("busy", "hf://google/tiny", "ARTIFACT_RATE_LIMITED", "HF_TOKEN")]
    [InlineData("offline", "hf://google/tiny", "ARTIFACT_NOT_FOUND", "Unset HF_HUB_OFFLINE")]
    [InlineData("", "gs://no-such-bucket/model", "ARTIFACT_NOT_FOUND", "gcloud storage buckets create")]
    public async Task Run_WithAModelThatCannotBeHad_EndsBeforeAnythingIsRented(
        string what, string model, string code, string fix)
    {
        await PlayAsync(what);

        var report = await _service.ReportAsync(await _service.StartAsync(Request(model)));

        var failure = report.GetProperty("failure");
        Assert.True(failure.GetProperty("code").GetString() == code, $"{failure}");
        Assert.StartsWith("model: ", failure.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Contains(model.Split('@')[0], failure.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Contains(fix, failure.GetProperty("fix").GetString(), StringComparison.Ordinal);
        Assert.Empty(report.GetProperty("attempts").EnumerateArray());
        Assert.DoesNotContain("hf_secret", $"{report}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_WhoseBucketIsOutOfReach_EndsWithItsNameAndNotAsAFaultOfTheProduct()
    {
        using var closed = ReservedPort.Take();
        _bucket = new Uri($"http://127.0.0.1:{closed.Number}");
        await _service.RestartAsync(_ => { });

        var report = await _service.ReportAsync(await _service.StartAsync(_service.Request()));

        var failure = report.GetProperty("failure");
        Assert.True(failure.GetProperty("code").GetString() == "ARTIFACT_UNAVAILABLE", $"{failure}");
        Assert.Contains("gs://rehearsal-", failure.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Contains("network", failure.GetProperty("fix").GetString(), StringComparison.Ordinal);
        Assert.Empty(report.GetProperty("attempts").EnumerateArray());
    }

    [Fact]
    public async Task Run_WithACorpusThatIsNotThere_NamesTheField()
    {
        var report = await _service.ReportAsync(await _service.StartAsync(Request(
            "hf://google/tiny", "hf://datasets/org/pairs/nothing.tsv")));

        Assert.StartsWith(
            "data.train: hf://datasets/org/pairs/nothing.tsv:",
            report.GetProperty("failure").GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model", "hf://tiny", "names no repository")]
    [InlineData("model", "hf://datasets/org/pairs", "is a data set")]
    [InlineData("model", "gs://B/x", "no name of a bucket")]
    [InlineData("model", "s3://bucket/x", "no place that is known")]
    [InlineData("data.train", "hf://org/pairs/x.tsv", "is a model of the Hub")]
    [InlineData("data.train", "gs://bucket/../x.tsv", "..")]
    [InlineData("data.train", "gs://bucket/a.tsv,", "a comma without a file")]
    public async Task Start_WithAnAddressThatIsNone_IsRefusedWithTheField(string field, string given, string words)
    {
        var request = Request("hf://google/tiny");
        if (field == "model")
        {
            request["model"] = given;
        }
        else
        {
            request["data"]!["train"] = given;
        }

        using var answer = await _service.Http.PostAsJsonAsync("/runs", request, Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var error = Assert.Single((await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation))
            .GetProperty("errors").EnumerateArray());
        Assert.Equal(field, error.GetProperty("field").GetString());
        Assert.Contains(words, error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.NotEmpty(error.GetProperty("fix").GetString()!);
    }

    private async Task PlayAsync(string what)
    {
        switch (what)
        {
            case "gated":
                _token = "hf_secret";
                await _service.RestartAsync(_ => { });
                _hub.Before = Refuse(403, "GatedRepo");
                break;
            case "private":
                _hub.Before = Refuse(401, "RepoNotFound");
                break;
            case "busy":
                _hub.Before = context =>
                {
                    context.Response.Headers.RetryAfter = "0";
                    return Refuse(429, null)(context);
                };
                break;
            case "offline":
                _isOffline = true;
                await _service.RestartAsync(_ => { });
                break;
            case "wrong hash":
                _hub.WrongHashOf = "model.safetensors";
                break;
            case "cut short":
                _hub.Before = context =>
                {
                    if (context.Request.Path.Value!.EndsWith("model.safetensors", StringComparison.Ordinal))
                    {
                        _hub.AnswerBytes = 0;
                    }

                    return Task.FromResult(false);
                };
                break;
        }
    }

    private static Func<HttpContext, Task<bool>> Refuse(int status, string? code) => async context =>
    {
        await FakeHub.RefuseAsync(context, status, code, "The Hub's own words");
        return true;
    };

    private JsonObject Request(string model, string? train = null, string? test = null)
    {
        var request = _service.Request(steps: 2);
        request["model"] = model;
        request["data"] = new JsonObject
        {
            ["train"] = train ?? Path.Combine(_service.Folder, "pairs.tsv"),
            ["test"] = test,
        };
        return request;
    }

    private IReadOnlyList<T> Facts<T>(string id, string kind) =>
        [.. new RunLedger(_service.Settings.StateDirectory, TimeProvider.System)
            .Read<T>(new RunId(id), kind).Select(fact => fact.Data)];
}
