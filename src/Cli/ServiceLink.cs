using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;

namespace Workflows.Cli;

/// <summary>
/// Connects the command to a service: the one named, the one that has the state folder open already, or one started
/// inside this process. The command uses HTTP with all three.
/// </summary>
internal sealed partial class ServiceLink : IAsyncDisposable
{
    /// <summary>Most time for another command to start its service.</summary>
    private static readonly TimeSpan StartDeadline = TimeSpan.FromMinutes(2), Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>Most time for which a stopping service may hold the state folder; it waits 30 s for its work.</summary>
    private static readonly TimeSpan UseDeadline = TimeSpan.FromSeconds(75);

    /// <summary>Most time without an answer from a service that has answered before; an upgrade takes less.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly string? _key;
    private readonly Action<ServiceSettings>? _change;
    private HttpClient _http;
    private WebApplication? _own;

    private ServiceLink(
        HttpClient http, WebApplication? own, string stateDirectory, bool isNamed, string? key,
        Action<ServiceSettings>? change)
    {
        (_http, _own, StateDirectory, IsNamed, _key, _change) = (http, own, stateDirectory, isNamed, key, change);
    }

    /// <summary>Gets the folder given by --state.</summary>
    public string StateDirectory { get; }

    /// <summary>Gets a value indicating whether runs pause when this process ends.</summary>
    public bool IsInProcess => _own is not null;

    /// <summary>Gets a value indicating whether the service is the one that the user named.</summary>
    public bool IsNamed { get; }

    /// <summary>Gets or sets the language of what the command writes about results.</summary>
    public Language Language { get; set; }

    /// <summary>Gets the service's address.</summary>
    public Uri Address => _http.BaseAddress!;

    /// <summary>Connects.</summary>
    /// <param name="named">The service that the user named; null for none.</param>
    /// <param name="state">The state folder.</param>
    /// <param name="key">The key to send; null for none.</param>
    /// <param name="change">Changes the settings of a service that is started here; null for none.</param>
    /// <param name="cancellation">Cancels the wait.</param>
    public static async Task<ServiceLink> OpenAsync(
        Uri? named, string state, string? key, Action<ServiceSettings>? change, CancellationToken cancellation)
    {
        named ??= FromEnvironment();
        if (named is not null)
        {
            return new ServiceLink(CallerKey.Client(named, key), null, state, isNamed: true, key, change);
        }

        var (http, own) = await JoinOrStartAsync(
            state, key, change, line => Console.Error.WriteLine(TerminalText.Of(line)), cancellation);
        return new ServiceLink(http, own, state, isNamed: false, key, change);
    }

    /// <summary>
    /// Reconnects after the command that held the service has ended: joins the next service, or starts one here, with
    /// the settings of this command.
    /// </summary>
    /// <returns>false if the service was named, or is in this process, so that there is no other.</returns>
    public async Task<bool> ReopenAsync(CancellationToken cancellation)
    {
        if (IsNamed || _own is not null)
        {
            return false;
        }

        var old = _http;
        (_http, _own) = await JoinOrStartAsync(StateDirectory, _key, _change, _ => { }, cancellation);
        old.Dispose();
        return true;
    }

    /// <summary>
    /// Calls a service that has answered before, and repeats the call while the service is busy, restarting or
    /// unreachable; only for calls that may be repeated.
    /// </summary>
    /// <param name="ask">The call.</param>
    /// <param name="notice">Called once, at the first failure.</param>
    /// <param name="cancellation">Cancels the retries.</param>
    public async Task<T> PersistAsync<T>(
        Func<Task<T>> ask, Action<string> notice, CancellationToken cancellation)
    {
        var began = TimeProvider.System.GetTimestamp();
        var isTold = false;
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (Exception exception) when (IsPassing(exception, cancellation)
                && TimeProvider.System.GetElapsedTime(began) < Patience)
            {
                // The command that held the service may have ended; another command starts the service again, or this
                // one does.
                if (!await ReopenAsync(cancellation) && !isTold)
                {
                    isTold = true;
                    notice($"The service at {Address} does not answer ({exception.Message}); asking again for "
                        + $"{Patience.TotalMinutes:0} minutes.");
                }

                await Task.Delay(Pause, cancellation);
            }
        }
    }

    private static bool IsPassing(Exception exception, CancellationToken cancellation) => exception switch
    {
        ServiceAwayException or HttpRequestException => true,

        // HttpClient's own timeout, or an answer that breaks off.
        OperationCanceledException => !cancellation.IsCancellationRequested,
        IOException => true,
        _ => false,
    };

    /// <summary>
    /// Joins the service that has the state folder, or starts one. Of several concurrent commands one starts it; the
    /// others wait, and write nothing before they have joined.
    /// </summary>
    private static async Task<(HttpClient Http, WebApplication? Own)> JoinOrStartAsync(
        string state, string? key, Action<ServiceSettings>? change, Action<string> tell,
        CancellationToken cancellation)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (await ServiceFinder.FindAsync(state, key, cancellation) is { } running)
            {
                TellOfUnread(running.BaseAddress!, tell);
                return (running, null);
            }

            var isLate = TimeProvider.System.GetElapsedTime(began) > StartDeadline;
            using (var mine = TryLock(state))
            {
                if (mine is not null || isLate)
                {
                    try
                    {
                        return await StartServiceAsync(state, change, tell, cancellation);
                    }
                    catch (ServiceStartException exception)
                        when (!(exception.IsInUse || exception.IsPortTaken)
                            || TimeProvider.System.GetElapsedTime(began) > UseDeadline)
                    {
                        throw new CommandException(exception.Message, ExitCodes.Failed);
                    }
                    catch (ServiceStartException)
                    {
                        // A stopping service still holds the folder, or another process took a port that was free: the
                        // next round joins or starts a service, on other ports.
                    }
                }
            }

            await Task.Delay(Pause, cancellation);
        }
    }

    private static async Task<(HttpClient Http, WebApplication? Own)> StartServiceAsync(
        string state, Action<ServiceSettings>? change, Action<string> tell, CancellationToken cancellation)
    {
        var (application, ports) = Build(state, change, tell);
        await application.StartOrExplainAsync(ports, state, cancellation);
        return (new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{ports.Http}") }, application);
    }

    private static (WebApplication Application, ServicePorts Ports) Build(
        string state, Action<ServiceSettings>? change, Action<string> tell)
    {
        try
        {
            return WorkflowsService.BuildForCommand(state, tell, change);
        }
        catch (ServiceStartException exception)
            when (!(exception.IsInUse || exception.IsPortTaken || exception.IsFolder))
        {
            throw new CommandException(exception.Message, ExitCodes.Invalid);
        }
    }

    /// <summary>Tells that a service which was there before has not read the variables of this process.</summary>
    private static void TellOfUnread(Uri service, Action<string> tell)
    {
        var names = Environment.GetEnvironmentVariables().Keys.Cast<string>()
            .Where(name => name.StartsWith("Workflows__", StringComparison.OrdinalIgnoreCase))
            .Order(StringComparer.Ordinal).ToList();
        if (names.Count > 0)
        {
            tell($"The service at {service} runs already and has its own settings, which {string.Join(", ", names)} "
                + "in this environment cannot change.");
        }
    }

    /// <summary>Locks the right to start a service in this folder; null if another command is starting one.</summary>
    private static FileStream? TryLock(string state)
    {
        try
        {
            Directory.CreateDirectory(state);
            return new FileStream(
                Path.Combine(state, "start.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new CommandException(
                $"--state: the folder '{state}' cannot be written: {exception.Message}", ExitCodes.Failed);
        }
        catch (DirectoryNotFoundException exception)
        {
            throw new CommandException($"--state: {exception.Message}", ExitCodes.Failed);
        }
        catch (IOException) when (Directory.Exists(state))
        {
            return null;
        }
        catch (IOException exception)
        {
            throw new CommandException(
                $"--state: '{state}' cannot be a folder: {exception.Message}", ExitCodes.Failed);
        }
    }

    /// <summary>Starts a run.</summary>
    /// <param name="requestJson">The request; one with an id may be sent again, and starts one run.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The run's id.</returns>
    /// <exception cref="CommandException">The service refused the request.</exception>
    public async Task<string> StartAsync(string requestJson, CancellationToken cancellation)
    {
        using var content = new StringContent(requestJson, Encoding.UTF8, "application/json");
        using var answer = await _http.PostAsync(new Uri("/runs", UriKind.Relative), content, cancellation);
        await ServiceAnswer.ThrowIfRefusedAsync(answer, cancellation);
        using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(cancellation));
        return body.RootElement.GetProperty("id").GetString()!;
    }

    /// <summary>Calls the doctor to check whether a request could run.</summary>
    /// <param name="requestJson">The request; empty for none.</param>
    /// <param name="cancellation">Cancels the call.</param>
    public async Task<DoctorView> DoctorAsync(string requestJson, CancellationToken cancellation)
    {
        using var content = new StringContent(requestJson, Encoding.UTF8, "application/json");
        using var answer = await _http.PostAsync(new Uri("/doctor", UriKind.Relative), content, cancellation);
        await ServiceAnswer.ThrowIfRefusedAsync(answer, cancellation);
        return (await answer.Content.ReadFromJsonAsync<DoctorView>(RunLedger.Json, cancellation))!;
    }

    /// <summary>Previews the plan of a request; this takes minutes if its programs are compiled.</summary>
    public async Task<PlanPreview> PlanAsync(
        string requestJson, double? withinHours, CancellationToken cancellation)
    {
        var query = withinHours is { } hours
            ? string.Create(CultureInfo.InvariantCulture, $"?withinHours={hours}") : "";
        using var content = new StringContent(requestJson, Encoding.UTF8, "application/json");
        using var patient = Patient();
        using var answer = await patient.PostAsync(new Uri($"/plan{query}", UriKind.Relative), content, cancellation);
        await ServiceAnswer.ThrowIfRefusedAsync(answer, cancellation);
        return (await answer.Content.ReadFromJsonAsync<PlanPreview>(RunLedger.Json, cancellation))!;
    }

    public async Task<RunView> ShowAsync(string id, CancellationToken cancellation) =>
        (await GetAsync<RunView>($"/runs/{Uri.EscapeDataString(id)}", cancellation))!;

    /// <summary>Lists a page of the runs, newest first.</summary>
    /// <param name="query">The query, with its question mark; empty for none.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The runs, and whether there are older ones.</returns>
    public async Task<(IReadOnlyList<RunView> Runs, bool HasMore)> ListAsync(
        string query, CancellationToken cancellation)
    {
        using var answer = await _http.GetAsync(new Uri($"/runs{query}", UriKind.Relative), cancellation);
        await ServiceAnswer.ThrowIfRefusedAsync(answer, cancellation);
        return ((await answer.Content.ReadFromJsonAsync<IReadOnlyList<RunView>>(RunLedger.Json, cancellation))!,
            answer.Headers.Contains("Link"));
    }

    /// <summary>Returns the ledger's entries after a number; none if the run has not begun.</summary>
    public async Task<IReadOnlyList<RunEvent>> EventsAsync(string id, int after, CancellationToken cancellation)
    {
        using var answer = await _http.GetAsync(
            new Uri($"/runs/{Uri.EscapeDataString(id)}/events?after={after}", UriKind.Relative), cancellation);
        if (answer.StatusCode == HttpStatusCode.NotFound)
        {
            return [];
        }

        await ServiceAnswer.ThrowIfRefusedAsync(answer, cancellation);
        return (await answer.Content.ReadFromJsonAsync<IReadOnlyList<RunEvent>>(RunLedger.Json, cancellation))!;
    }

    public async Task<string> ReportAsync(string id, CancellationToken cancellation)
    {
        using var answer = await _http.GetAsync(
            new Uri($"/runs/{Uri.EscapeDataString(id)}/report", UriKind.Relative), cancellation);
        await ServiceAnswer.ThrowIfRefusedAsync(answer, cancellation);
        return await answer.Content.ReadAsStringAsync(cancellation);
    }

    /// <summary>Shows the spending of all runs, and the limits.</summary>
    public async Task<SpendingView> SpendingAsync(CancellationToken cancellation) =>
        (await GetAsync<SpendingView>("/spending", cancellation))!;

    /// <summary>Lists the places that refused lately.</summary>
    public async Task<IReadOnlyList<RememberedPlace>> ZonesAsync(CancellationToken cancellation) =>
        (await GetAsync<IReadOnlyList<RememberedPlace>>("/zones", cancellation))!;

    /// <summary>Lists the places of which something is remembered.</summary>
    public async Task<IReadOnlyList<SeenPlace>> SeenZonesAsync(CancellationToken cancellation) =>
        (await GetAsync<IReadOnlyList<SeenPlace>>("/zones/seen", cancellation))!;

    /// <summary>Lists the prices of slices.</summary>
    public async Task<IReadOnlyList<PriceView>> PricesAsync(CancellationToken cancellation) =>
        (await GetAsync<IReadOnlyList<PriceView>>("/zones/prices", cancellation))!;

    /// <summary>Forgets a zone or region; null for all.</summary>
    /// <param name="place">The zone or region.</param>
    /// <param name="type">The accelerator type; null for all.</param>
    /// <param name="reason">The reason; null for none.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The number of places forgotten.</returns>
    public async Task<int> ForgetAsync(
        string? place, string? type, string? reason, CancellationToken cancellation)
    {
        var path = place is null ? "/zones" : $"/zones/{Uri.EscapeDataString(place)}";
        var query = QueryOf(reason, type is null ? "" : $"&type={Uri.EscapeDataString(type)}");
        using var answer = await _http.DeleteAsync(new Uri(path + query, UriKind.Relative), cancellation);
        await ServiceAnswer.ThrowIfRefusedAsync(answer, cancellation);
        using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(cancellation));
        return body.RootElement.GetProperty("forgotten").GetInt32();
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (_own is not null)
        {
            await _own.StopAsync();
            await _own.DisposeAsync();
        }
    }

    /// <summary>Makes a client for calls that take minutes.</summary>
    private HttpClient Patient()
    {
        var patient = CallerKey.Client(Address, _key);
        patient.Timeout = Timeout.InfiniteTimeSpan;
        return patient;
    }

    private async Task<T?> GetAsync<T>(string path, CancellationToken cancellation)
    {
        using var answer = await _http.GetAsync(new Uri(path, UriKind.Relative), cancellation);
        await ServiceAnswer.ThrowIfRefusedAsync(answer, cancellation);
        return await answer.Content.ReadFromJsonAsync<T>(RunLedger.Json, cancellation);
    }

    private static Uri? FromEnvironment()
    {
        var text = Environment.GetEnvironmentVariable("WORKFLOWS_SERVICE");
        return string.IsNullOrEmpty(text) ? null
            : Uri.TryCreate(text, UriKind.Absolute, out var address) ? address
            : throw new CommandException(
                $"WORKFLOWS_SERVICE is '{text}', which is not an address such as http://127.0.0.1:8080.",
                ExitCodes.Invalid);
    }
}
