using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Workflows.TestKit;

namespace Workflows.Artifacts.Tests;

/// <summary>Google's command, the npm package and plain HTTP drive the emulator's buckets.</summary>
public sealed class RealClientTests : IDisposable
{
    private static readonly JsPackage Npm = new(
        "@google-cloud/storage@7.22.0", "google-cloud-storage-7.22.0", "@google-cloud/storage@7.22.0");

    private readonly TemporaryFolder _folder = new("storage-clients-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Gcloud_CopiesListsReadsAndRemoves()
    {
        Command.Require("gcloud", "Install the Google Cloud CLI to let it drive the emulator.");
        await using var host = await StorageHost.StartAsync();
        var (small, large) = (RandomNumberGenerator.GetBytes(3000), RandomNumberGenerator.GetBytes(20 << 20));
        _folder.Write("small.bin", small);
        _folder.Write("large.bin", large);
        _folder.Write("text.txt", "한국어\n");

        var up = await GcloudAsync(
            host, "cp", _folder["small.bin"], _folder["large.bin"], _folder["text.txt"], "gs://demo-bucket/dir/");
        var list = await GcloudAsync(host, "ls", "-l", "gs://demo-bucket/dir/");
        var cat = await GcloudAsync(host, "cat", "gs://demo-bucket/dir/text.txt");
        var down = await GcloudAsync(host, "cp", "gs://demo-bucket/dir/large.bin", _folder["back.bin"]);
        var missing = await GcloudAsync(host, "cat", "gs://demo-bucket/none");
        var remove = await GcloudAsync(host, "rm", "-r", "gs://demo-bucket/dir");

        Assert.All(
            [up, list, cat, down, remove],
            answer => Assert.True(answer.ExitCode == 0, $"{answer.ExitCode}: {answer.Output} {answer.Error}"));
        Assert.Contains("gs://demo-bucket/dir/small.bin", list.Output, StringComparison.Ordinal);
        Assert.Equal("한국어\n", cat.Output);
        Assert.Equal(large, await File.ReadAllBytesAsync(_folder["back.bin"], Cancellation));
        Assert.NotEqual(0, missing.ExitCode);
        Assert.Null(await host.Store.FindAsync(StorageHost.Uri("dir/small.bin"), Cancellation));
    }

    [Fact]
    public async Task Gcloud_WithNamesThatOtherToolsInterpret_TreatsThemAsText()
    {
        Command.Require("gcloud", "Install the Google Cloud CLI to let it drive the emulator.");
        await using var host = await StorageHost.StartAsync();
        Directory.CreateDirectory(_folder["odd"]);
        string[] names = ["a b.txt", "한국어 파일.txt", "100%2F.txt", "star*.txt", "[x]{y}.txt", "q?u#e&r+.txt"];
        foreach (var name in names)
        {
            _folder.Write($"odd/{name}", name);
        }

        using var dots = await host.Http.PostAsync(
            new Uri("/upload/storage/v1/b/demo-bucket/o?uploadType=media&name=odd%2F..%2Fup", UriKind.Relative),
            new StringContent("dots"), Cancellation);
        var up = await GcloudAsync(host, "cp", "-r", _folder["odd"], "gs://demo-bucket/");
        var cat = await GcloudAsync(
            host, "cat", "gs://demo-bucket/odd/../up", "gs://demo-bucket/odd/100%2F.txt",
            "gs://demo-bucket/odd/한국어 파일.txt");
        var list = await GcloudAsync(host, "ls", "gs://demo-bucket/odd/**");
        var none = await GcloudAsync(host, "rm", "gs://demo-bucket/odd/none*");
        var some = await GcloudAsync(host, "rm", "gs://demo-bucket/odd/s*.txt");

        Assert.All(
            [up, cat, list, some],
            answer => Assert.True(answer.ExitCode == 0, $"{answer.ExitCode}: {answer.Output} {answer.Error}"));
        Assert.Equal("dots100%2F.txt한국어 파일.txt", cat.Output);
        Assert.Equal(
            names.Append("../up").Select(name => $"gs://demo-bucket/odd/{name}").Order(StringComparer.Ordinal),
            list.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
        Assert.NotEqual(0, none.ExitCode);
        Assert.Contains("matched no objects", none.Error, StringComparison.Ordinal);
        var left = await host.Http.GetFromJsonAsync<JsonObject>(
            new Uri("/storage/v1/b/demo-bucket/o", UriKind.Relative), Cancellation);
        Assert.Equal(
            names.Append("../up").Where(name => name != "star*.txt").Select(name => $"odd/{name}")
                .Order(StringComparer.Ordinal),
            left!["items"]!.AsArray().Select(item => (string)item!["name"]!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Npm_DrivesTheBucketInEveryWay()
    {
        var modules = await Npm.RequireAsync();
        await using var host = await StorageHost.StartAsync();

        var (code, output, error) = await Command.RunAsync(
            "node",
            [
                Path.Combine(AppContext.BaseDirectory, "Js", "storage.js"), $"{host.Address}".TrimEnd('/'),
                StorageHost.Bucket, _folder.Path,
            ],
            new Dictionary<string, string> { ["NODE_PATH"] = modules });

        Assert.True(code == 0, $"{output}\n{error}");
    }

    [Fact]
    public async Task LargeObject_HasItsMd5ForThoseWhoAsk()
    {
        await using var host = await StorageHost.StartAsync();
        var bytes = new byte[(64 << 20) + 1];
        RandomNumberGenerator.Fill(bytes.AsSpan(0, 1000));
        await host.Store.WriteBytesAsync(StorageHost.Uri("large"), bytes, WriteCondition.None, Cancellation);
        var uri = new Uri("/storage/v1/b/demo-bucket/o/large", UriKind.Relative);

        var some = await host.Http.GetFromJsonAsync<JsonObject>(
            new Uri($"{uri}?fields=size,crc32c", UriKind.Relative), Cancellation);
        var all = await host.Http.GetFromJsonAsync<JsonObject>(uri, Cancellation);
        var again = await host.Http.GetFromJsonAsync<JsonObject>(
            new Uri("/storage/v1/b/demo-bucket/o?fields=items(md5Hash)", UriKind.Relative), Cancellation);

        // The emulator's hash, not a secret's.
#pragma warning disable CA5351
        var md5 = Convert.ToBase64String(MD5.HashData(bytes));
#pragma warning restore CA5351
        Assert.Null(some!["md5Hash"]);
        Assert.Equal(md5, (string?)all!["md5Hash"]);
        Assert.Equal(md5, (string?)again!["items"]![0]!["md5Hash"]);
        Assert.Equal((string?)some["generation"], (string?)all["generation"]);
        Assert.Equal("1", (string?)all["metageneration"]);
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    public async Task Multipart_WithEitherLineBreak_KeepsEveryByte(string line)
    {
        await using var host = await StorageHost.StartAsync();
        foreach (var content in (byte[][])[
            [], "\n"u8.ToArray(), "\r\n"u8.ToArray(), "\r"u8.ToArray(), "a\r\r"u8.ToArray(),
            "--b\n--mar"u8.ToArray(), new byte[700_000],
            Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("\r\n--markin\n", 60_000)))])
        {
            byte[] body =
            [
                .. Encoding.UTF8.GetBytes(
                    $"--marking{line}Content-Type: application/json{line}{line}" + "{\"name\": \"m\"}"
                    + $"{line}--marking{line}Content-Type: text/plain{line}{line}"),
                .. content, .. Encoding.UTF8.GetBytes($"{line}--marking--"),
            ];
            using var request = new ByteArrayContent(body);
            request.Headers.TryAddWithoutValidation("Content-Type", "multipart/related; boundary=\"marking\"");

            using var answer = await host.Http.PostAsync(
                new Uri("/upload/storage/v1/b/demo-bucket/o?uploadType=multipart", UriKind.Relative), request,
                Cancellation);

            Assert.Equal("text/plain", (string?)(await JsonAsync(answer))["contentType"]);
            Assert.Equal(
                content, await host.Store.ReadBytesAsync(StorageHost.Uri("m"), ByteRange.Whole, Cancellation));
        }
    }

    [Theory]
    [InlineData("/upload/storage/v1/b/demo-bucket/o?uploadType=multipart", "", 400)]
    [InlineData("/upload/storage/v1/b/demo-bucket/o?uploadType=media", "x", 400)]
    [InlineData("/upload/storage/v1/b/demo-bucket/o?uploadType=resumable", "{", 400)]
    [InlineData("/upload/storage/v1/b/demo-bucket/o?uploadType=resumable&upload_id=../../x", "", 404)]
    [InlineData("/upload/storage/v1/b/nowhere-at-all/o?uploadType=media&name=x", "x", 404)]
    [InlineData("/upload/storage/v1/b/demo-bucket/o?uploadType=media&name=x&ifGenerationMatch=a", "x", 400)]
    [InlineData("/storage/v1/b?project=p", "{\"name\": \"../x\"}", 400)]
    [InlineData("/storage/v1/b", "{\"name\": \"good-name\"}", 400)]
    [InlineData("/elsewhere", "", 404)]
    public async Task Post_OfRubbish_IsRefusedInGooglesForm(string path, string body, int status)
    {
        await using var host = await StorageHost.StartAsync();

        using var answer = await host.Http.PostAsync(
            new Uri(path, UriKind.Relative), new StringContent(body), Cancellation);

        Assert.Equal(status, (int)answer.StatusCode);
        var error = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancellation))!["error"]!;
        Assert.Equal(status, (int)error["code"]!);
        Assert.NotEmpty((string)error["errors"]![0]!["reason"]!);
    }

    [Fact]
    public async Task Resumable_InPartsWithAGapAndARepeat_BecomesTheObject()
    {
        await using var host = await StorageHost.StartAsync();
        var bytes = RandomNumberGenerator.GetBytes((512 << 10) + 5);
        using var begun = await host.Http.PostAsync(
            new Uri("/upload/storage/v1/b/demo-bucket/o?uploadType=resumable&name=r", UriKind.Relative), null,
            Cancellation);
        var session = begun.Headers.Location!;

        Assert.Equal((308, null), await PutAsync(bytes[..(256 << 10)], "bytes 262144-524287/*"));
        Assert.Equal((308, "bytes=0-262143"), await PutAsync(bytes[..(300 << 10)], "bytes 0-307199/*"));
        Assert.Equal((308, "bytes=0-262143"), await PutAsync([], "bytes */*"));
        Assert.Equal(
            (200, null), await PutAsync(bytes[(128 << 10)..], $"bytes 131072-{bytes.Length - 1}/{bytes.Length}"));
        Assert.Equal((200, null), await PutAsync([], $"bytes */{bytes.Length}"));
        Assert.Equal(bytes, await host.Store.ReadBytesAsync(StorageHost.Uri("r"), ByteRange.Whole, Cancellation));

        async Task<(int, string?)> PutAsync(byte[] part, string range)
        {
            using var content = new ByteArrayContent(part);
            content.Headers.TryAddWithoutValidation("Content-Range", range);
            using var answer = await host.Http.PutAsync(session, content, Cancellation);
            return ((int)answer.StatusCode, answer.Headers.TryGetValues("Range", out var values)
                ? values.Single() : answer.Content.Headers.TryGetValues("Range", out values) ? values.Single() : null);
        }
    }

    [Fact]
    public async Task List_WithDelimiterAndPages_GivesEachNameOnce()
    {
        await using var host = await StorageHost.StartAsync();
        foreach (var name in (string[])["a", "d/1", "d/2", "e/f/g", "z"])
        {
            await host.Store.WriteBytesAsync(StorageHost.Uri(name), [1], WriteCondition.None, Cancellation);
        }

        var (names, page) = (new List<string>(), "");
        do
        {
            var answer = await host.Http.GetFromJsonAsync<JsonObject>(
                new Uri($"/storage/v1/b/demo-bucket/o?delimiter=/&maxResults=1{page}", UriKind.Relative), Cancellation);
            names.AddRange((answer!["items"] as JsonArray ?? []).Select(item => (string)item!["name"]!));
            names.AddRange((answer["prefixes"] as JsonArray ?? []).Select(item => (string)item!));
            page = answer["nextPageToken"] is { } token ? $"&pageToken={Uri.EscapeDataString((string)token!)}" : "";
        }
        while (page.Length > 0);

        Assert.Equal(["a", "d/", "e/", "z"], names);
    }

    [Fact]
    public async Task Emulator_StartedAgain_HasItsObjectsAndItsHalfUploads()
    {
        var bytes = RandomNumberGenerator.GetBytes(512 << 10);
        Uri session;
        await using (var first = await StorageHost.StartAsync(state: _folder.Path))
        {
            await first.Store.WriteBytesAsync(StorageHost.Uri("kept"), [1, 2], WriteCondition.None, Cancellation);
            await first.Store.WriteBytesAsync(StorageHost.Uri("gone"), [1, 2], WriteCondition.None, Cancellation);
            await first.Store.DeleteAsync(StorageHost.Uri("gone"), null, Cancellation);
            using var begun = await first.Http.PostAsync(
                new Uri("/upload/storage/v1/b/demo-bucket/o?uploadType=resumable&name=r", UriKind.Relative), null,
                Cancellation);
            session = begun.Headers.Location!;
            using var part = new ByteArrayContent(bytes[..(256 << 10)]);
            part.Headers.TryAddWithoutValidation("Content-Range", "bytes 0-262143/524288");
            using var answer = await first.Http.PutAsync(session, part, Cancellation);
        }

        await File.AppendAllTextAsync(Path.Combine(_folder.Path, "buckets", "index.jsonl"), "{\"object\": {\"na");
        await using var second = await StorageHost.StartAsync(state: _folder.Path);
        using var rest = new ByteArrayContent(bytes[(256 << 10)..]);
        rest.Headers.TryAddWithoutValidation("Content-Range", "bytes 262144-524287/524288");
        using var end = await second.Http.PutAsync(new Uri(second.Address, session.PathAndQuery), rest, Cancellation);

        Assert.Equal(200, (int)end.StatusCode);
        Assert.Equal(bytes, await second.Store.ReadBytesAsync(StorageHost.Uri("r"), ByteRange.Whole, Cancellation));
        Assert.Equal(
            [1, 2], await second.Store.ReadBytesAsync(StorageHost.Uri("kept"), ByteRange.Whole, Cancellation));
        Assert.Null(await second.Store.FindAsync(StorageHost.Uri("gone"), Cancellation));
    }

    private static async Task<JsonNode> JsonAsync(HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!;
    }

    private Task<(int ExitCode, string Output, string Error)> GcloudAsync(
        StorageHost host, string verb, params string[] arguments) => Command.RunAsync(
        "gcloud", ["storage", verb, .. arguments],
        new Dictionary<string, string>
        {
            ["CLOUDSDK_CONFIG"] = _folder["config"],
            ["CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE"] = new Uri(host.Address, "/storage/v1/").AbsoluteUri,
            ["CLOUDSDK_CORE_PROJECT"] = StorageHost.Project,
            ["CLOUDSDK_CORE_DISABLE_PROMPTS"] = "1",
            ["CLOUDSDK_CORE_CHECK_GCE_METADATA"] = "false",
            ["CLOUDSDK_CORE_DISABLE_USAGE_REPORTING"] = "true",
            ["CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK"] = "true",
            ["CLOUDSDK_AUTH_DISABLE_CREDENTIALS"] = "true",
            ["CLOUDSDK_STORAGE_PROCESS_COUNT"] = "1",
        });
}
