using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Reporting;
using Workflows.Artifacts;
using Workflows.Orchestrations;
using Workflows.Service.Database;
using Workflows.Service.Files;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;
using Workflows.Service.Tests.Database;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Files;

/// <summary>Uploaded files of two services on one database and one place of artifacts.</summary>
public sealed class SharedFilesTests(SharedPostgres postgres) : IClassFixture<SharedPostgres>, IAsyncLifetime
{
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 29, 20, 0, 0, TimeSpan.Zero));
    private readonly TemporaryFolder _folder = new();
    private readonly List<IDisposable> _open = [];
    private string _database = "";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        _database = await (await postgres.StartOrSkipAsync()).NewDatabaseAsync();

    public ValueTask DisposeAsync()
    {
        _open.ForEach(each => each.Dispose());
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task File_PutAtOneService_IsAFileOfTheOther()
    {
        var (one, other) = (Service("one").Files, Service("other").Files);

        var (file, isNew) = await PutAsync(one, "말뭉치.tsv", "하나\tone\n");

        Assert.True(isNew);
        Assert.Equal(file, other.Find("말뭉치.tsv"));
        Assert.Equal(file.Bytes, other.Bytes);
        Assert.Equal("하나\tone\n", await TextAsync(other, file));
        Assert.False((await PutAsync(other, "말뭉치.tsv", "하나\tone\n")).IsNew);
        Assert.True(other.Delete("말뭉치.tsv"));
        Assert.Null(one.Find("말뭉치.tsv"));
        Assert.False(one.Delete("말뭉치.tsv"));
        Assert.DoesNotContain(
            Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories),
            path => path.Contains("incoming", StringComparison.Ordinal));
    }

    /// <summary>Streamed from the place of the artifacts, with ranges and ETag, and without a copy here.</summary>
    [Fact]
    public async Task Get_OfAFileOfSeveralServices_IsStreamedWithRangesAndItsTag()
    {
        var files = Service("one").Files;
        var (file, _) = await PutAsync(files, "pairs.tsv", "0123456789");
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton<IFileStore>(files);
        await using var application = builder.Build();
        application.MapFiles();
        await application.StartAsync(Cancellation);
        using var http = new HttpClient { BaseAddress = new Uri(application.Urls.First()) };

        using var whole = await http.GetAsync("/files/pairs.tsv", Cancellation);
        Assert.Equal("0123456789", await whole.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal($"\"{file.Sha256}\"", $"{whole.Headers.ETag}");
        Assert.Equal(10, whole.Content.Headers.ContentLength);
        Assert.Equal("attachment", whole.Content.Headers.ContentDisposition?.DispositionType);
        foreach (var (asked, status, text, range) in new[]
        {
            ("bytes=3-5", HttpStatusCode.PartialContent, "345", "bytes 3-5/10"),
            ("bytes=-2", HttpStatusCode.PartialContent, "89", "bytes 8-9/10"),
            ("bytes=99-", HttpStatusCode.RequestedRangeNotSatisfiable, "", "bytes */10"),
        })
        {
            using var part = await GetAsync("Range", asked);
            Assert.Equal((status, range), (part.StatusCode, $"{part.Content.Headers.ContentRange}"));
            Assert.Equal(text, await part.Content.ReadAsStringAsync(Cancellation));
        }

        using var same = await GetAsync("If-None-Match", $"\"{file.Sha256}\"");
        Assert.Equal(HttpStatusCode.NotModified, same.StatusCode);
        using var hostile = await http.GetAsync("/files/..%2fstate.tsv", Cancellation);
        Assert.False(hostile.IsSuccessStatusCode);
        Assert.False(Directory.Exists(_folder["one/files/incoming"])
            && Directory.EnumerateFileSystemEntries(_folder["one/files/incoming"]).Any());

        File.Delete(files.PathOf(file));
        using var missing = await http.GetAsync("/files/pairs.tsv", Cancellation);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, missing.StatusCode);
        Assert.Contains(
            "FILES_UNAVAILABLE", await missing.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);

        async Task<HttpResponseMessage> GetAsync(string header, string value)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/files/pairs.tsv");
            request.Headers.TryAddWithoutValidation(header, value);
            return await http.SendAsync(request, Cancellation);
        }
    }

    [Fact]
    public async Task Content_OfARun_StaysUntilNoFileHasItAndNoRunUsesIt()
    {
        var (ledger, one) = Service("one");
        var other = Service("other").Files;
        var run = new RunId("run-1");
        ledger.Append(run, LedgerKinds.Stage, "plan", "plan");
        var (first, _) = await PutAsync(one, "a.tsv", "하나\tone\n");
        var path = one.PathOf(first);
        Assert.True(one.Use(path, run));
        Assert.False(other.Use(path, run));

        var (second, _) = await PutAsync(other, "a.tsv", "둘\ttwo\n");
        Assert.Equal(0, await one.CollectAsync(Cancellation));
        Assert.True(File.Exists(path));
        Assert.Equal(["run-1"], one.UsesOf([first])[first]);
        one.Release(run);
        Assert.Equal(1, await other.CollectAsync(Cancellation));

        Assert.False(File.Exists(path));
        Assert.Null(one.Use(path, run));
        Assert.Equal("둘\ttwo\n", await TextAsync(one, second));
        Assert.Equal(second.Bytes, one.Bytes);
    }

    /// <summary>The service stopped between the use and the start of its run.</summary>
    [Fact]
    public async Task Use_OfARunThatWasNeverStarted_EndsAfterADay()
    {
        var files = Service("one").Files;
        var (file, _) = await PutAsync(files, "a.tsv", "하나\tone\n");
        files.Use(files.PathOf(file), new RunId("interrupted"));
        files.Delete("a.tsv");

        _clock.Advance(TimeSpan.FromHours(23));
        Assert.Equal(0, await files.CollectAsync(Cancellation));
        _clock.Advance(TimeSpan.FromHours(2));

        Assert.Equal(1, await files.CollectAsync(Cancellation));
    }

    [Fact]
    public async Task Put_OfAFileThatCannotBeKept_LeavesNothing()
    {
        var files = Service("one", most: 10.0 / (1 << 30)).Files;
        await PutAsync(files, "a.tsv", "0123");

        Assert.Equal("FILE_DAMAGED", await CodeAsync(() => PutAsync(files, "b.tsv", "0123", new string('0', 64))));
        Assert.Equal("FILE_EXISTS", await CodeAsync(() => PutAsync(files, "a.tsv", "4567", onlyNew: true)));
        Assert.Equal("FILES_FULL", await CodeAsync(() => PutAsync(files, "c.tsv", "0123456")));
        Assert.Equal("FILE_TOO_LARGE", await CodeAsync(() => PutAsync(files, "d.tsv", "0123456789ab")));

        Assert.Equal(["a.tsv"], files.All().Select(file => file.Name));
        Assert.Equal(4, files.Bytes);
        Assert.Single(Directory.GetFiles(_folder["artifacts"], "*", SearchOption.AllDirectories));
    }

    /// <summary>The service or its caller goes away between the content and the name.</summary>
    [Fact]
    public async Task Content_OfAnUploadThatBrokeOff_IsDeleted()
    {
        var (ledger, files) = Service("one");
        using var caller = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        using var body = new MemoryStream("하나\tone\n"u8.ToArray());
        using (await ledger.State.AloneAsync("files", Cancellation))
        {
            var put = files.PutAsync("a.tsv", body, null, null, onlyNew: false, "me", caller.Token);
            await Eventually.TrueAsync(() => Contents().Length == 1);
            await caller.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => put);
        }

        Assert.Empty(files.All());
        Assert.Equal(1, await files.CollectAsync(Cancellation));
        Assert.Empty(Contents());
        Assert.Equal(0, files.Bytes);

        string[] Contents() => !Directory.Exists(_folder["artifacts"]) ? []
            : Directory.GetFiles(_folder["artifacts"], "a.tsv", SearchOption.AllDirectories);
    }

    [Theory]
    [InlineData("{\"data\": {\"test\": \"upload://a.tsv\"}}", true, false)]
    [InlineData("{\"data\": {\"test\": \"upload://a.tsv\"}}", false, true)]
    [InlineData("{\"data\": {\"test\": \"upload://a.tsv\"}, \"rehearsal\": {}}", false, false)]
    [InlineData("{\"data\": {\"test\": \"upload://a.tsv\"}, \"rehearsal\": null}", true, true)]
    public async Task Change_WithAnUploadedFileOfABucket_IsRefusedForARehearsal(
        string changes, bool isRehearsal, bool isTaken)
    {
        await PutAsync(Service("one").Files, "a.tsv", "하나\tone\n");
        var references = new UploadReferences(Service("bucket", artifacts: "gs://team/workflows").Files);

        if (isTaken)
        {
            Assert.Contains(
                "gs://team/workflows/files/", references.ResolveChanges(changes, isRehearsal),
                StringComparison.Ordinal);
            return;
        }

        var refused = Assert.Throws<RunRequestException>(() => references.ResolveChanges(changes, isRehearsal));
        Assert.Equal("data.test", Assert.Single(refused.Errors).Field);
        Assert.Contains("a rehearsal reads the emulated cloud alone", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Request_WithAnUploadedFile_NamesItsContentAndARehearsalOfABucketDoesNot()
    {
        var files = Service("one").Files;
        var (file, _) = await PutAsync(files, "a.tsv", "하나\tone\n");
        var request = RunRequestReader.Parse("""{"data": {"train": "upload://a.tsv"}, "rehearsal": {}}""");

        Assert.Equal(files.PathOf(file), new UploadReferences(files).Resolve(request).Data!.Train);
        var bucket = Service("bucket", artifacts: "gs://team/workflows").Files;
        var refused = Assert.Throws<RunRequestException>(() => new UploadReferences(bucket).Resolve(request));
        Assert.Contains("a rehearsal reads the emulated cloud alone", refused.Message, StringComparison.Ordinal);
        Assert.Equal(
            $"gs://team/workflows/files/{file.Sha256}/a.tsv",
            new UploadReferences(bucket).Resolve(request with { Rehearsal = null }).Data!.Train);
    }

    [Fact]
    public void Files_WithoutAPlaceOfArtifacts_AreRefusedWithTheFix() => Assert.Contains(
        "Set Workflows:Artifacts", Service("one", artifacts: null).Files.Refusal, StringComparison.Ordinal);

    private static async Task<string> CodeAsync(Func<Task> put) =>
        (await Assert.ThrowsAsync<FileRefusedException>(put)).Code;

    private static async Task<(UploadedFile File, bool IsNew)> PutAsync(
        SharedFiles files, string name, string text, string? sha256 = null, bool onlyNew = false)
    {
        using var body = new MemoryStream(Encoding.UTF8.GetBytes(text));
        return await files.PutAsync(name, body, null, sha256, onlyNew, "me", Cancellation);
    }

    private static async Task<string> TextAsync(SharedFiles files, UploadedFile file)
    {
        await using var content = await files.OpenAsync(file, Cancellation);
        using var reader = new StreamReader(content);
        return await reader.ReadToEndAsync(Cancellation);
    }

    private (RunLedger Ledger, SharedFiles Files) Service(string name, double most = 1) =>
        Service(name, _folder["artifacts"], most);

    private (RunLedger Ledger, SharedFiles Files) Service(string name, string? artifacts, double most = 1)
    {
        var access = new DatabaseAccess(_database, TimeSpan.FromSeconds(60), NullLogger.Instance);
        var state = new DatabaseState(access);
        var settings = new ServiceSettings { StateDirectory = _folder[name], Database = _database };
        (settings.Uploads.FileGibibytes, settings.Uploads.AllGibibytes) = (most, most);
        var ledger = new RunLedger(state, settings.StateDirectory, _clock);
        var files = new SharedFiles(
            settings, ledger,
            new RunArtifacts(ledger, artifacts, null, emulator => new ArtifactStores(emulator)), _clock,
            NullLogger<SharedFiles>.Instance);
        _open.AddRange([files, state, access]);
        return (ledger, files);
    }
}
