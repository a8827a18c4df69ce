using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Service.Runs;
using Workflows.Service.Sweeping;

namespace Workflows.Cli;

/// <summary>The calls that change single runs, show their cost, and sweep the cloud.</summary>
internal sealed partial class ServiceLink
{
    private const string ContinuationToken = "x-ms-continuation-token";

    /// <summary>Stops a run and gives its TPU back.</summary>
    public Task CancelAsync(string id, string reason, CancellationToken cancellation) =>
        PostAsync<CancelledView>(id, "cancel", reason, null, cancellation);

    /// <summary>Suspends a run.</summary>
    /// <exception cref="CommandException">The service refused it: nothing was changed.</exception>
    public Task SuspendAsync(string id, string reason, CancellationToken cancellation) =>
        PostAsync<ControlledView>(id, "suspend", reason, null, cancellation);

    /// <summary>Ends the suspension of a run.</summary>
    /// <exception cref="CommandException">The service refused it: nothing was changed.</exception>
    public Task UnsuspendAsync(string id, string reason, CancellationToken cancellation) =>
        PostAsync<ControlledView>(id, "unsuspend", reason, null, cancellation);

    /// <summary>Sends a run an event.</summary>
    /// <exception cref="CommandException">The service refused it: nothing was changed.</exception>
    public Task<EventView> SendAsync(string id, string name, string? reason, CancellationToken cancellation) =>
        PostAsync<EventView>(id, $"events/{Uri.EscapeDataString(name)}", reason, null, cancellation);

    /// <summary>Resumes a stopped run.</summary>
    /// <param name="id">The run.</param>
    /// <param name="changes">The changed fields, a JSON object.</param>
    /// <param name="reason">The reason; null for none.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <exception cref="CommandException">The service refused it: nothing was changed.</exception>
    public Task ResumeAsync(string id, string changes, string? reason, CancellationToken cancellation) =>
        PostAsync<ResumedView>(id, "resume", reason, changes, cancellation);

    /// <summary>Starts another run from the request of a run.</summary>
    /// <param name="id">The run.</param>
    /// <param name="from">The stage with which it begins; null for the first.</param>
    /// <param name="changes">The changed fields, a JSON object.</param>
    /// <param name="reason">The reason; null for none.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The id of the new run.</returns>
    /// <exception cref="CommandException">The service refused it: nothing was started.</exception>
    public async Task<string> RerunAsync(
        string id, string? from, string changes, string? reason, CancellationToken cancellation)
    {
        using var body = await PostAsync<JsonDocument>(
            id, "rerun", reason, changes, cancellation, from is null ? "" : $"&from={Uri.EscapeDataString(from)}");
        return body.RootElement.GetProperty("id").GetString()!;
    }

    /// <summary>Deletes an ended run; this takes long if its bucket has many artifacts.</summary>
    /// <exception cref="CommandException">The service refused it.</exception>
    public async Task<PurgedView> PurgeAsync(
        string id, bool withArtifacts, string? reason, CancellationToken cancellation)
    {
        var query = QueryOf(reason, withArtifacts ? "&artifacts=true" : "");
        using var patient = Patient();
        using var answer = await patient.DeleteAsync(
            new Uri($"/runs/{Uri.EscapeDataString(id)}{query}", UriKind.Relative), cancellation);
        await ServiceAnswer.ThrowIfRefusedAsync(answer, cancellation);
        return (await answer.Content.ReadFromJsonAsync<PurgedView>(RunLedger.Json, cancellation))!;
    }

    /// <summary>Deletes a page of the ended runs of filters.</summary>
    /// <param name="filters">The filters, an ampersand before each.</param>
    /// <param name="withArtifacts">true to delete their artifacts, too.</param>
    /// <param name="reason">The reason; null for none.</param>
    /// <param name="token">The token of the page before; null for the first.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The page, and the token of the next one; null for no more.</returns>
    /// <exception cref="CommandException">The service refused it.</exception>
    public async Task<(PurgedRunsView View, string? Next)> PurgeSomeAsync(
        string filters, bool withArtifacts, string? reason, string? token, CancellationToken cancellation)
    {
        var query = QueryOf(reason, filters + (withArtifacts ? "&artifacts=true" : ""));
        using var request = new HttpRequestMessage(HttpMethod.Delete, new Uri($"/runs{query}", UriKind.Relative));
        if (token is not null)
        {
            request.Headers.Add(ContinuationToken, token);
        }

        using var patient = Patient();
        using var answer = await patient.SendAsync(request, cancellation);

        // The last page may have lost its runs to another purge meanwhile.
        if (token is not null && answer.StatusCode == HttpStatusCode.NotFound)
        {
            return (new PurgedRunsView(0, [], [], [], false), null);
        }

        await ServiceAnswer.ThrowIfRefusedAsync(answer, cancellation);
        return (
            (await answer.Content.ReadFromJsonAsync<PurgedRunsView>(RunLedger.Json, cancellation))!,
            answer.Headers.TryGetValues(ContinuationToken, out var next) ? next.First() : null);
    }

    /// <summary>Shows the cost of a run.</summary>
    public async Task<CostView> CostAsync(string id, CancellationToken cancellation) =>
        (await GetAsync<CostView>($"/runs/{Uri.EscapeDataString(id)}/cost", cancellation))!;

    private async Task<T> PostAsync<T>(
        string id, string verb, string? reason, string? json, CancellationToken cancellation, string others = "")
    {
        var query = QueryOf(reason, others);
        using var content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json");
        using var answer = await _http.PostAsync(
            new Uri($"/runs/{Uri.EscapeDataString(id)}/{verb}{query}", UriKind.Relative), content, cancellation);
        await ServiceAnswer.ThrowIfRefusedAsync(answer, cancellation);
        return (await answer.Content.ReadFromJsonAsync<T>(RunLedger.Json, cancellation))!;
    }

    /// <summary>Returns a query with a reason.</summary>
    /// <param name="reason">The reason; null for none.</param>
    /// <param name="others">Other parameters, an ampersand before each.</param>
    private static string QueryOf(string? reason, string others = "")
    {
        var all = (reason is null ? "" : $"&reason={Uri.EscapeDataString(reason)}") + others;
        return all.Length == 0 ? "" : $"?{all[1..]}";
    }

    /// <summary>Sweeps the cloud; this takes minutes if zones do not answer.</summary>
    public async Task<SweepView> SweepAsync(SweepRequest request, CancellationToken cancellation)
    {
        using var patient = Patient();
        using var answer = await patient.PostAsJsonAsync(
            new Uri("/sweep", UriKind.Relative), request, RunLedger.Json, cancellation);
        await ServiceAnswer.ThrowIfRefusedAsync(answer, cancellation);
        return (await answer.Content.ReadFromJsonAsync<SweepView>(RunLedger.Json, cancellation))!;
    }
}
