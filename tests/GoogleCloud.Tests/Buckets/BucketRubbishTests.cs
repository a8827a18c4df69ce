using System.Text;
using System.Text.Json.Nodes;
using Workflows.TestKit;

namespace Workflows.GoogleCloud.Tests.Buckets;

/// <summary>
/// Requests that no client should send, files on disk that a crash left: an answer in Google's form each time.
/// </summary>
public sealed class BucketRubbishTests
{
    private const string Upload = "/upload/storage/v1/b/demo-bucket/o?uploadType=resumable";

    [Theory]
    [InlineData("POST", "/storage/v1/b?project=p", "{\"name\": \"abc\\n\"}")]
    [InlineData("POST", "/storage/v1/b?project=p", "{\"name\": \"a\"}")]
    [InlineData("POST", "/storage/v1/b?project=p", "{\"name\": \"Abc\"}")]
    [InlineData("POST", "/storage/v1/b?project=p", "{\"name\": \"-abc\"}")]
    [InlineData("POST", "/storage/v1/b?project=p", "{\"name\": \"..\"}")]
    [InlineData("POST", "/storage/v1/b?project=p", "{\"name\": 7}")]
    [InlineData("POST", "/storage/v1/b?project=p", "{\"name\": \"one\", \"name\": \"two\"}")]
    [InlineData("POST", "/storage/v1/b?project=p", "{\"name\": \"\\ud800abc\"}")]
    [InlineData("POST", "/storage/v1/b?project=p", "[]")]
    [InlineData("POST", "/storage/v1/b?project=p", "null")]
    [InlineData("POST", "/storage/v1/b?project=p", "{")]
    [InlineData("POST", "/storage/v1/b", "{\"name\": \"good-name\"}")]
    [InlineData("POST", "/upload/storage/v1/b/demo-bucket/o?uploadType=media", "x")]
    [InlineData("POST", "/upload/storage/v1/b/demo-bucket/o?uploadType=media&name=..", "x")]
    [InlineData("POST", "/upload/storage/v1/b/demo-bucket/o?uploadType=media&name=a%0Ab", "x")]
    [InlineData("POST", "/upload/storage/v1/b/demo-bucket/o?uploadType=other&name=a", "x")]
    [InlineData("POST", "/upload/storage/v1/b/demo-bucket/o?uploadType=multipart&name=a", "x")]
    [InlineData("POST", "/upload/storage/v1/b/demo-bucket/o?uploadType=resumable", "{\"name\": {}}")]
    [InlineData("POST", Upload, "{\"name\": \"a\", \"name\": \"a\"}")]
    [InlineData("POST", Upload + "&name=a", "{\"metadata\": {\"a\": 1, \"a\": 2}}")]
    [InlineData("POST", Upload + "&name=a", "{\"metadata\": {\"a\": \"\\udc00\"}}")]
    [InlineData("PATCH", "/storage/v1/b/demo-bucket/o/a", "{\"contentType\": \"\\ud800\"}")]
    [InlineData("PATCH", "/storage/v1/b/demo-bucket/o/a", "[1]")]
    [InlineData("POST", "/storage/v1/b/demo-bucket/o/c/compose", "{\"sourceObjects\": []}")]
    [InlineData("POST", "/storage/v1/b/demo-bucket/o/c/compose", "{\"sourceObjects\": 5}")]
    [InlineData("POST", "/storage/v1/b/demo-bucket/o/c/compose", "{\"sourceObjects\": [{\"name\": 5}, 7]}")]
    [InlineData("GET", "/storage/v1/b/demo-bucket/o?maxResults=x", "")]
    [InlineData("GET", "/storage/v1/b/demo-bucket/o?maxResults=-1", "")]
    [InlineData("GET", "/storage/v1/b/demo-bucket/o?maxResults=99999999999999999999", "")]
    [InlineData("GET", "/storage/v1/b/demo-bucket/o?pageToken=%21", "")]
    [InlineData("GET", "/storage/v1/b/demo-bucket/o/a?ifGenerationMatch=x", "")]
    [InlineData("GET", "/storage/v1/b/demo-bucket/o/a?generation=-5", "")]
    [InlineData("GET", "/storage/v1/b/other-bucket/o/a", "")]
    [InlineData("GET", "/storage/v1/b/demo-bucket/o/missing", "")]
    [InlineData("GET", "/storage/v1/b/%2e%2e%2f/o", "")]
    [InlineData("GET", "/storage/v1/x", "")]
    [InlineData("GET", "/", "")]
    [InlineData("PUT", "/storage/v1/b", "")]
    [InlineData("POST", "/storage/v1/b/demo-bucket/o/a", "")]
    [InlineData("DELETE", "/storage/v1/b/demo-bucket", "")]
    public async Task Request_ThatNoClientShouldSend_IsRefusedInGooglesForm(string method, string path, string body)
    {
        await using var host = await BucketHost.StartAsync();
        await host.SendAsync("POST", BucketHost.UploadPath("a"), "x");

        var answer = await host.SendAsync(method, path, body);

        Assert.InRange(answer.Status, 400, 499);
        Assert.NotEmpty(answer.Reason);
        Assert.Empty(host.Errors);
        Assert.Equal("x", (await host.SendAsync("GET", $"{BucketHost.ObjectPath("a")}?alt=media")).Text);
    }

    [Theory]
    [InlineData("not gzip")]
    [InlineData("")]
    public async Task Json_WhoseGzipIsNone_IsRefused(string body)
    {
        await using var host = await BucketHost.StartAsync();

        var answer = await host.SendAsync(
            "POST", BucketHost.UploadPath("x", "resumable"), Encoding.UTF8.GetBytes(body), encoding: "gzip");

        Assert.True(answer.Status == (body.Length == 0 ? 200 : 400), $"{answer.Status}");
        Assert.Empty(host.Errors);
    }

    [Theory]
    [InlineData("bytes 0-1/x")]
    [InlineData("bytes")]
    [InlineData("0-1/2")]
    [InlineData("bytes -1-4/5")]
    [InlineData("bytes 99999999999999999999-5/6")]
    [InlineData("bytes 0-4")]
    public async Task Resumable_ContentRangeThatIsNone_IsRefused(string contentRange)
    {
        await using var host = await BucketHost.StartAsync();
        var session = (await host.SendAsync("POST", BucketHost.UploadPath("x", "resumable"))).Location!;

        var answer = await host.SendAsync("PUT", session, [1, 2], contentRange: contentRange);

        Assert.Equal((400, "invalid"), (answer.Status, answer.Reason));
    }

    [Theory]
    [InlineData("")]
    [InlineData("zz")]
    [InlineData("0123")]
    [InlineData("../../index")]
    [InlineData("..%2F..%2Findex")]
    public async Task Resumable_SessionThatIsNone_IsNotFound(string id)
    {
        await using var host = await BucketHost.StartAsync();

        var answer = await host.SendAsync(
            "PUT", $"/upload/storage/v1/b/{BucketHost.Bucket}/o?uploadType=resumable&upload_id={id}", [1]);

        Assert.Equal((404, "notFound"), (answer.Status, answer.Reason));
    }

    /// <summary>Parts of any bytes, those of boundaries among them, and bodies cut off anywhere.</summary>
    [Fact]
    public async Task Multipart_RandomBodies_AreTakenWholeOrRefused()
    {
        await using var host = await BucketHost.StartAsync();
        await Seeds.TryAsync(60, async random =>
        {
            string[] pieces =
                ["\r\n", "\n", "--", "--b", "\r\n--", "\r\n--x", "b", "\0", "한", "\r", new string('y', 9000)];
            var content = Encoding.UTF8.GetBytes(string.Concat(random.GetItems(pieces, random.Next(0, 12))));
            var boundary = random.GetItems(["bb", "==b", "b--b"], 1)[0];
            // The break before the content belongs to a boundary that it begins with.
            if (("\n" + Encoding.UTF8.GetString(content)).Contains($"\n--{boundary}", StringComparison.Ordinal))
            {
                return;
            }

            byte[] whole =
            [
                .. Encoding.UTF8.GetBytes($"--{boundary}\r\nContent-Type: application/json\r\n\r\n"
                    + $"{{\"name\": \"m\"}}\r\n--{boundary}\r\ncontent-type: text/plain\r\n\r\n"),
                .. content, .. Encoding.UTF8.GetBytes($"\r\n--{boundary}--\r\n"),
            ];
            var isCut = random.Next(2) == 0;
            var length = isCut ? random.Next(whole.Length - 5) : whole.Length;

            var answer = await host.SendAsync(
                "POST", BucketHost.UploadPath("m", "multipart"), whole[..length],
                contentType: $"multipart/related; boundary=\"{boundary}\"");

            if (isCut && length < whole.Length - boundary.Length - 6)
            {
                Assert.Equal((400, "invalid"), (answer.Status, answer.Reason));
            }
            else if (!isCut)
            {
                Assert.Equal((200, "text/plain"), (answer.Status, (string?)answer.Json["contentType"]));
                Assert.Equal(content, (await host.SendAsync("GET", $"{BucketHost.ObjectPath("m")}?alt=media")).Body);
            }
        });
        Assert.Empty(host.Errors);
    }

    /// <summary>Bytes that the disk lost break the connection: a client must not wait for them for ever.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(500_000)]
    [InlineData(-1)]
    public async Task Download_BlobThatIsCut_Ends(int left)
    {
        await using var host = await BucketHost.StartAsync();
        await host.SendAsync("POST", BucketHost.UploadPath("a"), new byte[1_000_000]);
        var blob = Assert.Single(Directory.GetFiles(Path.Combine(host.State, "buckets", "blobs")));
        if (left < 0)
        {
            File.Delete(blob);
        }
        else
        {
            using var file = File.OpenWrite(blob);
            file.SetLength(left);
        }

        var answer = await host.SendAsync("GET", $"{BucketHost.ObjectPath("a")}?alt=media");

        Assert.Equal(0, answer.Status);
        Assert.Equal(200, (await host.SendAsync("GET", BucketHost.ObjectPath("a"))).Status);
    }

    /// <summary>
    /// The object is there before its session says so: a crash between the two is answered as if it had not been.
    /// </summary>
    [Fact]
    public async Task Resumable_CrashBeforeTheSessionEnds_IsAnsweredWithTheObject()
    {
        using var state = new TemporaryFolder("buckets-");
        string session;
        long generation;
        await using (var host = await BucketHost.StartAsync(state.Path))
        {
            session = (await host.SendAsync("POST", BucketHost.UploadPath("a", "resumable"))).Location!;
            generation = (await host.SendAsync("PUT", session, [1, 2], contentRange: "bytes 0-1/2")).Generation;
        }

        var end = Assert.Single(Directory.GetFiles(Path.Combine(state.Path, "buckets", "uploads"), "*.end"));
        var whole = File.ReadAllBytes(end);
        foreach (var length in (int[])[-1, 0, 1, whole.Length / 2, whole.Length - 1, whole.Length])
        {
            if (length < 0)
            {
                File.Delete(end);
            }
            else
            {
                File.WriteAllBytes(end, whole[..length]);
            }

            await using var host = await BucketHost.StartAsync(state.Path);
            var asked = await host.SendAsync("PUT", session, [], contentRange: "bytes */2");
            var again = await host.SendAsync("PUT", session, [1, 2], contentRange: "bytes 0-1/2");

            Assert.Equal((200, 200), (asked.Status, again.Status));
            Assert.Equal((generation, generation), (asked.Generation, again.Generation));
            Assert.Empty(host.Errors);
        }
    }

    /// <summary>
    /// The index is cut after every byte, as a crash may leave it: the store has what was whole by then, and goes on.
    /// </summary>
    [Fact]
    public async Task Index_CutAfterAnyByte_KeepsWhatWasWhole()
    {
        using var state = new TemporaryFolder("buckets-");
        await using (var host = await BucketHost.StartAsync(state.Path))
        {
            foreach (var name in (string[])["a", "b", "a", "한"])
            {
                await host.SendAsync("POST", BucketHost.UploadPath(name), name);
            }

            await host.SendAsync("DELETE", BucketHost.ObjectPath("b"));
        }

        var buckets = Path.Combine(state.Path, "buckets");
        var whole = File.ReadAllBytes(Path.Combine(buckets, "index.jsonl"));
        var blobs = Directory.GetFiles(Path.Combine(buckets, "blobs"))
            .ToDictionary(path => Path.GetFileName(path), File.ReadAllBytes);
        var random = new Random(4);
        var head = Array.IndexOf(whole, (byte)'\n') + 1;
        foreach (var length in Enumerable.Range(0, 24).Select(_ => random.Next(head, whole.Length))
            .Append(whole.Length))
        {
            foreach (var (name, bytes) in blobs)
            {
                File.WriteAllBytes(Path.Combine(buckets, "blobs", name), bytes);
            }

            File.WriteAllBytes(Path.Combine(buckets, "index.jsonl"), whole[..length]);
            var lines = Encoding.UTF8.GetString(whole[..length]).Split('\n')[..^1];
            var expected = new SortedSet<string>(StringComparer.Ordinal);
            foreach (var line in lines.Select(line => JsonNode.Parse(line)!))
            {
                _ = line["object"]?["name"] is { } added && expected.Add((string)added!);
                _ = line["deletedObject"]?[1] is { } gone && expected.Remove((string)gone!);
            }

            await using var host = await BucketHost.StartAsync(state.Path);
            Assert.Equal(expected, (await host.ListAsync("")).Names);
            Assert.Equal(200, (await host.SendAsync("POST", BucketHost.UploadPath("new"), "x")).Status);
        }
    }

    /// <summary>A full disk takes the beginning of a line; with room again, the next line does not follow it.</summary>
    [Fact]
    public async Task Index_WithAPieceOfALineThatTheDiskDidNotTake_GoesOnWithoutIt()
    {
        using var state = new TemporaryFolder("buckets-");
        await using (var host = await BucketHost.StartAsync(state.Path))
        {
            await host.SendAsync("POST", BucketHost.UploadPath("before"), "x");
            await Command.RunAsync(
                "sh", ["-c", "printf '{\"object\": {\"bucket\": \"demo' >> \"$0\"", state["buckets/index.jsonl"]]);
            Assert.Equal(200, (await host.SendAsync("POST", BucketHost.UploadPath("after"), "x")).Status);
        }

        await using var again = await BucketHost.StartAsync(state.Path);
        Assert.Equal(["after", "before"], (await again.ListAsync("")).Names);
    }

    [Fact]
    public async Task Index_DamagedInTheMiddle_SaysWhichFile()
    {
        using var state = new TemporaryFolder("buckets-");
        Directory.CreateDirectory(state["buckets"]);
        var index = state.Write("buckets/index.jsonl", "{\"bucket\": rubbish}\n{}\n");

        await using var host = await BucketHost.StartAsync(state.Path);

        Assert.Equal(500, (await host.SendAsync("GET", $"/storage/v1/b/{BucketHost.Bucket}")).Status);
        Assert.NotEmpty(host.Errors);
        Assert.All(host.Errors, line => Assert.Contains(
            $"'{index}' is damaged (line 1: ", line, StringComparison.Ordinal));
    }
}
