using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Workflows.Service.Access;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Access;

/// <summary>The log of calls with every category in it, as the console and a collector get it.</summary>
public sealed class AccessLogTests : IAsyncLifetime
{
    private readonly Lines _lines = new();
    private readonly KeyedService _service;

    public AccessLogTests() => _service = new KeyedService
    {
        Service = new RunningService { Change = services => services.AddSingleton<ILoggerProvider>(_lines) },
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _service.InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        _lines.Dispose();
    }

    [Fact]
    public async Task Log_OfAKeyInTheAddress_DoesNotHaveIt()
    {
        var key = _service.Keys[AccessRole.Admin];
        foreach (var query in new[] { $"key={key}", key, $"access_token={key}" })
        {
            using var answer = await _service.SendAsync("GET", $"/runs?{query}", authorization: null);
        }

        Assert.Equal(3, _lines.All.Count(line => line.Contains("GET /runs had a key", StringComparison.Ordinal)));
        Assert.All(_lines.All, line => Assert.DoesNotContain(key[17..], line, StringComparison.Ordinal));
    }

    /// <summary>A call that ends by an exception may have changed something before.</summary>
    [Fact]
    public async Task Log_OfAChangingCallThatThrows_NamesTheCaller()
    {
        using var runner = _service.ClientOf(AccessRole.Runner);
        using var body = new StringContent("[]");
        using var answer = await runner.PostAsync(new Uri("/runs", UriKind.Relative), body, Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(_lines.All, line => line.EndsWith(
            "'the-Runner' POST /runs: ended by RunRequestException", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Log_OfAChangingCallWhoseClientLeaves_NamesTheCaller()
    {
        using (var client = new TcpClient())
        {
            await client.ConnectAsync(IPAddress.Loopback, _service.Nobody.BaseAddress!.Port, Cancellation);
            await client.GetStream().WriteAsync(
                Encoding.ASCII.GetBytes(
                    "POST /runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
                    + $"Authorization: Bearer {_service.Keys[AccessRole.Runner]}\r\n\r\n{{"),
                Cancellation);
        }

        Assert.Contains(
            "'the-Runner' POST /runs: ended by ", await _lines.Broken.Task.WaitAsync(Cancellation),
            StringComparison.Ordinal);
    }

    private sealed class Lines : ILoggerProvider, ILogger
    {
        /// <summary>Gets the first line of a call that ended by an exception.</summary>
        public TaskCompletionSource<string> Broken { get; } = new();

        public ConcurrentQueue<string> All { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            var line = formatter(state, exception);
            All.Enqueue(line);
            if (line.Contains("ended by", StringComparison.Ordinal))
            {
                Broken.TrySetResult(line);
            }
        }

        public void Dispose()
        {
        }
    }
}
