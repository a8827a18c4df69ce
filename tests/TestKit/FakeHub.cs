using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Workflows.TestKit;

/// <summary>A Hub with one model, and a host for its large files that must never see a token.</summary>
public sealed class FakeHub : IAsyncDisposable
{
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";
    private readonly WebApplication _application;
    private readonly Dictionary<string, SortedDictionary<string, byte[]>> _commits = new(StringComparer.Ordinal)
    {
        [Commit] = new(StringComparer.Ordinal),
    };

    private FakeHub(WebApplication application, int port)
    {
        _application = application;
        Address = new Uri($"http://127.0.0.1:{port}");
    }

    public Uri Address { get; }

    /// <summary>Gets the files of the first commit.</summary>
    public SortedDictionary<string, byte[]> Files => _commits[Commit];

    /// <summary>Gets the commit that "main" stands for.</summary>
    public string Head { get; private set; } = Commit;

    /// <summary>Gets the names of the files that are kept as large ones, with their SHA-256.</summary>
    public HashSet<string> Large { get; } = new(StringComparer.Ordinal);

    /// <summary>Gets or sets what answers before anything else does; true: it has.</summary>
    public Func<HttpContext, Task<bool>>? Before { get; set; }

    /// <summary>Gets or sets the bytes of each answer of a file; fewer than it has: they are cut.</summary>
    public int? AnswerBytes { get; set; }

    public bool IgnoresRanges { get; set; }

    public bool HasWrongHashes { get; set; }

    /// <summary>Gets or sets the only file whose hash is wrong.</summary>
    public string? WrongHashOf { get; set; }

    public List<string> Requests { get; } = [];

    public int TokensElsewhere { get; private set; }

    /// <summary>Lets "main" stand for another commit from now on.</summary>
    public void MoveTo(string commit, SortedDictionary<string, byte[]> files) =>
        (_commits[commit], Head) = (files, commit);

    public static async Task<FakeHub> StartAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Any, 0));
        var port = ((IPEndPoint)socket.LocalEndPoint!).Port;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Critical);
        builder.WebHost.UseSockets(sockets => sockets.CreateBoundListenSocket = _ => socket);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Any, port));
        var application = builder.Build();
        var hub = new FakeHub(application, port);
        application.Run(hub.AnswerAsync);
        await application.StartAsync();
        return hub;
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        lock (Requests)
        {
            Requests.Add($"{path} {context.Request.Headers.Range}".Trim());
        }

        if (Before is not null && await Before(context))
        {
            return;
        }

        if (path.StartsWith("/api/", StringComparison.Ordinal)
            && !path.StartsWith("/api/models/google/tiny/", StringComparison.Ordinal)
            && !path.StartsWith("/api/datasets/org/pairs/", StringComparison.Ordinal))
        {
            await RefuseAsync(context, 401, "RepoNotFound", "Repository not found");
            return;
        }

        if (path.StartsWith("/api/models/google/tiny/revision/", StringComparison.Ordinal)
            || path.StartsWith("/api/datasets/org/pairs/revision/", StringComparison.Ordinal))
        {
            var revision = path[(path.LastIndexOf('/') + 1)..];
            var commit = revision == "main" ? Head : revision;
            if (!_commits.TryGetValue(commit, out var files))
            {
                await RefuseAsync(context, 404, "RevisionNotFound", "Invalid rev id");
                return;
            }

            await context.Response.WriteAsJsonAsync(new JsonObject
            {
                ["sha"] = commit,
                ["siblings"] = new JsonArray([.. files.Select(Describe)]),
            });
            return;
        }

        var parts = path.Split("/resolve/")[^1].Split('/', 2);
        var name = parts[^1];
        if (!_commits.TryGetValue(parts[0], out var tree) || !tree.TryGetValue(name, out var bytes))
        {
            await RefuseAsync(context, 404, "EntryNotFound", "Entry not found");
            return;
        }

        if (Large.Contains(name) && context.Request.Host.Host == "127.0.0.1")
        {
            // To the files' own host, which is another name of this machine.
            context.Response.StatusCode = 302;
            context.Response.Headers.Location = $"http://localhost:{Address.Port}{path}?signed=1";
            return;
        }

        TokensElsewhere += context.Request.Host.Host == "localhost"
            && context.Request.Headers.Authorization.Count > 0 ? 1 : 0;
        await SendAsync(context, bytes);
    }

    private async Task SendAsync(HttpContext context, byte[] bytes)
    {
        var (first, last) = (0, bytes.Length - 1);
        if (!IgnoresRanges && context.Request.Headers.Range is [{ } range])
        {
            var ends = range["bytes=".Length..].Split('-');
            first = int.Parse(ends[0]);
            last = ends[1].Length > 0 ? Math.Min(int.Parse(ends[1]), last) : last;
            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = $"bytes {first}-{last}/{bytes.Length}";
        }

        context.Response.ContentLength = last - first + 1;
        var count = Math.Min(last - first + 1, AnswerBytes ?? int.MaxValue);
        await context.Response.Body.WriteAsync(bytes.AsMemory(first, count));
        await context.Response.Body.FlushAsync();
        if (count < last - first + 1)
        {
            throw Cut();
        }
    }

    /// <summary>Makes the fault that a handler throws to break its answer off: the server sends what was written, and
    /// closes the connection without the rest. A reset would overtake what was written on a machine that is busy.
    /// </summary>
    public static IOException Cut() => new("The answer is broken off here.");

    public static async Task RefuseAsync(HttpContext context, int status, string? code, string message)
    {
        context.Response.StatusCode = status;
        if (code is not null)
        {
            context.Response.Headers["X-Error-Code"] = code;
            context.Response.Headers["X-Error-Message"] = message;
        }

        context.Response.ContentType = "text/plain";
        await context.Response.WriteAsync(message);
    }

    private JsonNode Describe(KeyValuePair<string, byte[]> file)
    {
        var content = HasWrongHashes || file.Key == WrongHashOf ? [.. file.Value, 0] : file.Value;
#pragma warning disable CA5350
        var blob = Convert.ToHexStringLower(SHA1.HashData(
            [.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content]));
#pragma warning restore CA5350
        var entry = new JsonObject { ["rfilename"] = file.Key, ["size"] = file.Value.Length, ["blobId"] = blob };
        if (Large.Contains(file.Key))
        {
            entry["lfs"] = new JsonObject
            {
                ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(content)),
                ["size"] = file.Value.Length,
            };
        }

        return entry;
    }
}
