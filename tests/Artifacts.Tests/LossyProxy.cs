using System.Net;

namespace Workflows.Artifacts.Tests;

/// <summary>Stands before a server and breaks the connection in place of the answer to a part of an upload.</summary>
internal sealed class LossyProxy : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false });
    private readonly Uri _server;
    private int _left;

    public LossyProxy(Uri server, int lostAnswers)
    {
        (_server, _left) = (server, lostAnswers);
        using var probe = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        var port = ((IPEndPoint)probe.LocalEndpoint).Port;
        probe.Stop();
        Address = new Uri($"http://127.0.0.1:{port}/");
        _listener.Prefixes.Add(Address.AbsoluteUri);
        _listener.Start();
        _ = ServeAsync();
    }

    public Uri Address { get; }

    public int Lost { get; private set; }

    public void Dispose()
    {
        _listener.Close();
        _http.Dispose();
    }

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            try
            {
                var context = await _listener.GetContextAsync();
                _ = PassAsync(context);
            }
            catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task PassAsync(HttpListenerContext context)
    {
        using var request = new HttpRequestMessage(
            new HttpMethod(context.Request.HttpMethod), new Uri(_server, context.Request.RawUrl));
        request.Content = new StreamContent(context.Request.InputStream);
        foreach (var name in context.Request.Headers.AllKeys.OfType<string>().Where(name => name is not "Host"))
        {
            if (!request.Headers.TryAddWithoutValidation(name, context.Request.Headers[name]))
            {
                request.Content.Headers.TryAddWithoutValidation(name, context.Request.Headers[name]);
            }
        }

        using var answer = await _http.SendAsync(request);
        var body = await answer.Content.ReadAsByteArrayAsync();
        if (context.Request.HttpMethod == "PUT" && _left-- > 0)
        {
            Lost++;
            context.Response.Abort();
            return;
        }

        context.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Headers.Concat(answer.Content.Headers)
            .Where(header => header.Key is not ("Content-Length" or "Transfer-Encoding")))
        {
            context.Response.Headers[name] = string.Join(", ", values)
                .Replace(_server.AbsoluteUri, Address.AbsoluteUri, StringComparison.Ordinal);
        }

        context.Response.ContentLength64 = body.Length;
        await context.Response.OutputStream.WriteAsync(body);
        context.Response.Close();
    }
}
