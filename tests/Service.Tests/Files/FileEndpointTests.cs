using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Workflows.Service.Tests.Hosting;
using Workflows.Service.Tests.Messages;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Files;

/// <summary>Uploads: whole or not at all, bounded, and kept for the runs that use them.</summary>
public sealed class FileEndpointTests : IAsyncLifetime
{
    private readonly RunningService _service = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        // A file may have 107 kB, all together 214 kB.
        _service.Settings.Uploads.FileGibibytes = 0.0001;
        _service.Settings.Uploads.AllGibibytes = 0.0002;
        await _service.InitializeAsync();
    }

    public ValueTask DisposeAsync() => _service.DisposeAsync();

    [Fact]
    public async Task File_PutAgainReplacedAndDeleted_IsWhatTheAnswersSay()
    {
        var first = await PutAsync("pairs.tsv", "하나\tone\n");
        Assert.Equal(HttpStatusCode.Created, first.StatusCode);
        Assert.Equal("/files/pairs.tsv", $"{first.Headers.Location}");
        var tag = first.Headers.ETag;
        Assert.Equal($"\"{Hash("하나\tone\n")}\"", tag?.Tag);
        Assert.Equal(HttpStatusCode.OK, (await PutAsync("pairs.tsv", "하나\tone\n")).StatusCode);
        Assert.Equal(
            (HttpStatusCode.PreconditionFailed, "FILE_EXISTS"),
            await RefusedAsync(await PutAsync("pairs.tsv", "둘\ttwo\n", onlyNew: true)));
        Assert.Equal(HttpStatusCode.OK, (await PutAsync("pairs.tsv", "하나\tone\n", onlyNew: true)).StatusCode);
        Assert.Equal("하나\tone\n", await _service.Http.GetStringAsync("/files/pairs.tsv", Cancellation));

        Assert.Equal(HttpStatusCode.OK, (await PutAsync("pairs.tsv", "둘\ttwo\n")).StatusCode);
        using var look = await SendAsync(HttpMethod.Head, "/files/pairs.tsv");
        Assert.NotEqual(tag, look.Headers.ETag);
        Assert.Equal(Encoding.UTF8.GetByteCount("둘\ttwo\n"), look.Content.Headers.ContentLength);
        Assert.Equal("attachment", look.Content.Headers.ContentDisposition?.DispositionType);
        var listed = Assert.Single((await ListAsync()).GetProperty("files").EnumerateArray());
        Assert.Equal(
            ("upload://pairs.tsv", "local"),
            (listed.GetProperty("address").GetString(), listed.GetProperty("by").GetString()));

        // It outlives a restart, and an upload that was interrupted does not.
        var incoming = Path.Combine(_service.Settings.StateDirectory, "files", "incoming");
        await File.WriteAllTextAsync(Path.Combine(incoming, "half"), "half", Cancellation);
        await _service.RestartAsync(_ => { });
        Assert.False(Directory.Exists(incoming));
        Assert.Equal("둘\ttwo\n", await _service.Http.GetStringAsync("/files/pairs.tsv", Cancellation));

        Assert.Equal(HttpStatusCode.NoContent, (await SendAsync(HttpMethod.Delete, "/files/pairs.tsv")).StatusCode);
        Assert.Equal(
            (HttpStatusCode.NotFound, "FILE_UNKNOWN"),
            await RefusedAsync(await SendAsync(HttpMethod.Delete, "/files/pairs.tsv")));
        Assert.Equal(0, (await ListAsync()).GetProperty("bytes").GetInt64());
    }

    [Theory]
    [InlineData("..%2fx.tsv")]
    [InlineData(".hidden.tsv")]
    [InlineData("-rf.tsv")]
    [InlineData("a,b.tsv")]
    [InlineData("a%20b.tsv")]
    [InlineData("%1b%5b31m.tsv")]
    [InlineData("a%2fb.tsv")]
    public async Task File_OfAWrongName_IsRefusedAndNothingIsWritten(string name)
    {
        using var answer = await PutAsync(name, "x");

        Assert.Equal((HttpStatusCode.BadRequest, "REQUEST_INVALID"), await RefusedAsync(answer));
        Assert.False(Directory.Exists(Path.Combine(_service.Settings.StateDirectory, "files")));
    }

    [Fact]
    public async Task File_NamedInDecomposedHangul_IsFoundByTheComposedName()
    {
        var name = "말뭉치.tsv";
        await PutAsync(Uri.EscapeDataString(name.Normalize(NormalizationForm.FormD)), "x");

        Assert.Equal("x", await _service.Http.GetStringAsync($"/files/{Uri.EscapeDataString(name)}", Cancellation));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task File_OverALimit_IsRefusedAndLeavesNothing(bool isChunked)
    {
        Assert.Equal(
            (HttpStatusCode.RequestEntityTooLarge, "FILE_TOO_LARGE"),
            await RefusedAsync(await PutAsync("a.tsv", new string('a', 120_000), isChunked: isChunked)));
        Assert.Equal(0, (await ListAsync()).GetProperty("bytes").GetInt64());

        Assert.True((await PutAsync("a.tsv", new string('a', 100_000))).IsSuccessStatusCode);
        Assert.True((await PutAsync("b.tsv", new string('b', 100_000))).IsSuccessStatusCode);
        Assert.Equal(
            (HttpStatusCode.InsufficientStorage, "FILES_FULL"),
            await RefusedAsync(await PutAsync("c.tsv", new string('c', 100_000), isChunked: isChunked)));
        Assert.Equal(200_000, (await ListAsync()).GetProperty("bytes").GetInt64());

        // Room is counted once it is free.
        await SendAsync(HttpMethod.Delete, "/files/a.tsv");
        Assert.True((await PutAsync("c.tsv", new string('c', 100_000), isChunked: isChunked)).IsSuccessStatusCode);
    }

    [Fact]
    public async Task File_ThatArrivesDamagedOrInPart_IsNotThere()
    {
        using (var put = new HttpRequestMessage(HttpMethod.Put, "/files/a.tsv"))
        {
            put.Content = new StringContent("sent");
            put.Content.Headers.TryAddWithoutValidation(
                "Content-Digest", $"sha-256=:{Convert.ToBase64String(SHA256.HashData("meant"u8))}:");
            using var answer = await _service.Http.SendAsync(put, Cancellation);
            Assert.Equal((HttpStatusCode.BadRequest, "FILE_DAMAGED"), await RefusedAsync(answer));
        }

        using (var client = new TcpClient())
        {
            await client.ConnectAsync(IPAddress.Loopback, _service.Http.BaseAddress!.Port, Cancellation);
            client.LingerState = new LingerOption(true, 0);
            await client.GetStream().WriteAsync(
                "PUT /files/b.tsv HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf"u8.ToArray(),
                Cancellation);
        }

        await Eventually.TrueAsync(async () =>
            await SubscribedService.LoggedAsync(_service, "PUT /files/b.tsv: ended by") > 0);
        Assert.Empty((await ListAsync()).GetProperty("files").EnumerateArray());
        Assert.Equal(0, (await ListAsync()).GetProperty("bytes").GetInt64());
        Assert.Empty(Directory.GetFiles(Path.Combine(_service.Settings.StateDirectory, "files", "incoming")));
    }

    [Fact]
    public async Task Run_OfAnUploadedFile_KeepsItsContentUntilItIsPurged()
    {
        var pairs = await File.ReadAllTextAsync(Path.Combine(_service.Folder, "pairs.tsv"), Cancellation);
        await PutAsync("pairs.tsv", pairs);
        var request = _service.Request(steps: 2);
        request["data"]!["train"] = "upload://pairs.tsv";
        request["id"] = "uploaded";
        await _service.StartAsync(request);

        // Neither a replacement nor a deletion changes the run, and the same request is still the same run.
        await PutAsync("pairs.tsv", "other\tcontent\n");
        Assert.Equal("uploaded", await _service.StartAsync(request));
        await SendAsync(HttpMethod.Delete, "/files/pairs.tsv");
        Assert.Equal("uploaded", await _service.StartAsync(request));
        var report = await _service.ReportAsync("uploaded");
        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        Assert.Equal(Encoding.UTF8.GetByteCount(pairs), (await ListAsync()).GetProperty("bytes").GetInt64());

        using var purged = await SendAsync(HttpMethod.Delete, "/runs/uploaded?artifacts=true");
        Assert.Equal(HttpStatusCode.OK, purged.StatusCode);
        Assert.Equal(0, (await ListAsync()).GetProperty("bytes").GetInt64());
    }

    [Theory]
    [InlineData("upload://piars.tsv", "Did you mean 'pairs.tsv'?")]
    [InlineData("upload://", "Upload it first")]
    [InlineData("upload://../../etc/passwd", "Upload it first")]
    public async Task Request_OfAFileThatIsNotThere_NamesTheNearest(string address, string fix)
    {
        await PutAsync("pairs.tsv", "x");
        var request = _service.Request();
        request["data"]!["train"] = address;
        foreach (var path in new[] { "/runs", "/plan", "/doctor" })
        {
            using var answer = await _service.Http.PostAsJsonAsync(path, request, Cancellation);
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
            var error = problem.GetProperty("errors")[0];
            Assert.Equal("data.train", error.GetProperty("field").GetString());
            Assert.Contains(fix, error.GetProperty("fix").GetString(), StringComparison.Ordinal);
        }
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private async Task<HttpResponseMessage> PutAsync(
        string name, string text, bool onlyNew = false, bool isChunked = false)
    {
        using var put = new HttpRequestMessage(HttpMethod.Put, $"/files/{name}");
        put.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(text));
        put.Headers.TransferEncodingChunked = isChunked;
        if (onlyNew)
        {
            put.Headers.IfNoneMatch.Add(EntityTagHeaderValue.Any);
        }

        return await _service.Http.SendAsync(put, Cancellation);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path);
        return await _service.Http.SendAsync(request, Cancellation);
    }

    private Task<JsonElement> ListAsync() => _service.Http.GetFromJsonAsync<JsonElement>("/files", Cancellation);

    private static async Task<(HttpStatusCode Status, string? Code)> RefusedAsync(HttpResponseMessage answer) => (
        answer.StatusCode,
        (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation)).GetProperty("code").GetString());
}
