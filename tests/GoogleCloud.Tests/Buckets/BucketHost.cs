using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.TestKit;

namespace Workflows.GoogleCloud.Tests.Buckets;

/// <summary>The emulator's buckets on a loopback port, spoken to in plain HTTP, with a bucket of its own.</summary>
internal sealed class BucketHost : IAsyncDisposable
{
    public const string Bucket = "demo-bucket", Project = "demo-proj";

    private readonly WebApplication _application;
    private readonly TemporaryFolder? _ownState;
    private readonly ErrorLog _log;

    private BucketHost(WebApplication application, int port, TemporaryFolder? ownState, string state, ErrorLog log)
    {
        (_application, _ownState, State, _log) = (application, ownState, state, log);
        Http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(30) };
    }

    public HttpClient Http { get; }

    public string State { get; }

    /// <summary>What the application logged as an error.</summary>
    public IReadOnlyList<string> Errors => _log.Lines;

    public static async Task<BucketHost> StartAsync(string? state = null, string scenario = "{}")
    {
        var ownState = state is null ? new TemporaryFolder("buckets-") : null;
        state ??= ownState!.Path;
        var log = new ErrorLog();
        var (builder, ports) = LoopbackApplication.CreateBuilder(LogLevel.Error, HttpProtocols.Http1);
        builder.Logging.ClearProviders().AddProvider(log);
        builder.Services.AddTpuEmulator(options => options.StateDirectory = state);
        var application = builder.Build();
        application.MapStorageEmulator(ports[0]);
        await application.StartAsync(TestContext.Current.CancellationToken);
        application.Services.GetRequiredService<ITpuEmulator>().Prepare(Project, scenario);
        var host = new BucketHost(application, ports[0], ownState, state, log);
        await host.SendAsync("POST", $"/storage/v1/b?project={Project}", $$"""{"name": "{{Bucket}}"}""");
        return host;
    }

    public static string ObjectPath(string name) => $"/storage/v1/b/{Bucket}/o/{Uri.EscapeDataString(name)}";

    public static string UploadPath(string name, string type = "media") =>
        $"/upload/storage/v1/b/{Bucket}/o?uploadType={type}&name={Uri.EscapeDataString(name)}";

    public Task<Answer> SendAsync(string method, string path, string body = "", string? range = null) =>
        SendAsync(method, path, Encoding.UTF8.GetBytes(body), range);

    /// <summary>Sends a request; the answer is read whole. A connection that breaks is status 0.</summary>
    public async Task<Answer> SendAsync(
        string method, string path, byte[] body, string? range = null, string? contentRange = null,
        string? contentType = null, string? encoding = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Content = new ByteArrayContent(body);
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType ?? "application/octet-stream");
        if (encoding is not null)
        {
            request.Content.Headers.ContentEncoding.Add(encoding);
        }

        if (range is not null)
        {
            request.Headers.TryAddWithoutValidation("Range", range);
        }

        if (contentRange is not null)
        {
            request.Content.Headers.TryAddWithoutValidation("Content-Range", contentRange);
        }

        try
        {
            using var answer = await Http.SendAsync(request, TestContext.Current.CancellationToken);
            var content = await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
            return new Answer(
                (int)answer.StatusCode, content, answer.Headers.Location?.PathAndQuery,
                answer.Headers.TryGetValues("Range", out var held) ? held.First() : null,
                answer.Content.Headers.ContentRange?.ToString());
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            return new Answer(0, [], null, null, null);
        }
    }

    /// <summary>The names and folders of a listing, page after page.</summary>
    public async Task<(List<string> Names, List<string> Folders)> ListAsync(string query)
    {
        var (names, folders) = (new List<string>(), new List<string>());
        var token = "";
        do
        {
            var page = (await SendAsync("GET", $"/storage/v1/b/{Bucket}/o?{query}{token}")).Json;
            names.AddRange((page["items"] as JsonArray ?? []).Select(item => item!["name"]!.GetValue<string>()));
            folders.AddRange((page["prefixes"] as JsonArray ?? []).Select(folder => folder!.GetValue<string>()));
            token = page["nextPageToken"] is { } next
                ? $"&pageToken={Uri.EscapeDataString(next.GetValue<string>())}" : "";
        }
        while (token.Length > 0);

        return (names, folders);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _application.StopAsync(CancellationToken.None);
        await _application.DisposeAsync();
        _ownState?.Dispose();
    }

    internal sealed record Answer(int Status, byte[] Body, string? Location, string? Held, string? ContentRange)
    {
        public JsonObject Json => JsonNode.Parse(Body)!.AsObject();

        public string Text => Encoding.UTF8.GetString(Body);

        /// <summary>The generation of the object that the answer describes.</summary>
        public long Generation => long.Parse(Json["generation"]!.GetValue<string>());

        /// <summary>The reason of an error, read by Google's form of it.</summary>
        public string Reason
        {
            get
            {
                var error = Json["error"]!;
                Assert.Equal(Status, error["code"]!.GetValue<int>());
                Assert.NotEmpty(error["message"]!.GetValue<string>());
                return error["errors"]![0]!["reason"]!.GetValue<string>();
            }
        }
    }

    private sealed class ErrorLog : ILoggerProvider, ILogger
    {
        private readonly List<string> _lines = [];

        public IReadOnlyList<string> Lines
        {
            get
            {
                lock (_lines)
                {
                    return [.. _lines];
                }
            }
        }

        public ILogger CreateLogger(string categoryName) => this;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                lock (_lines)
                {
                    _lines.Add($"{formatter(state, exception)} {exception}");
                }
            }
        }

        public void Dispose()
        {
        }
    }
}
