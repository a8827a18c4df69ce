using System.Globalization;
using Google.Cloud.Tpu.V2;
using Grpc.Core;
using Microsoft.DurableTask;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Activities.Teardown;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Provisioning;

/// <summary>
/// Requests one node from the cloud. The intent is on disk before the call, so that teardown finds the node even if no
/// answer arrives; a repeated call adopts the node that the first one created.
/// </summary>
public sealed class CreateNodeActivity(
    ITpuCloud cloud, RunLedger ledger, CapacityMemory memory, NodeSecrets secrets, WorkerBootstrap bootstrap,
    ITpuJobs jobs, TimeProvider clock, PricePatience? patience = null)
    : TaskActivity<CreateNodeInput, CreateNodeResult>
{
    /// <summary>
    /// Most tries in one zone that answers INTERNAL: after so many it is no short outage; chosen.
    /// </summary>
    internal const int MostInternalAnswers = 3;

    /// <summary>
    /// Most tries without an answer: then the request counts as accepted, since the cloud may have received it. Below
    /// the tries of the call, after which nobody would look for the node; chosen.
    /// </summary>
    internal const int MostUnanswered = 6;

    /// <summary>Seconds for which a search leaves out a place that is too dear for what is left of the budget; chosen,
    /// above the hour from which a refusal is a lasting one. Other runs do not remember it.</summary>
    private const double LeftOutSeconds = 86_400;

    /// <inheritdoc />
    public override async Task<CreateNodeResult> RunAsync(TaskActivityContext context, CreateNodeInput input)
    {
        var (spec, place) = (input.Spec, input.Candidate);
        var parent = $"projects/{spec.Project}/locations/{place.Zone}";
        var name = NodeName.OfAttempt(spec, place, input.Attempt);
        var nodeId = name.NodeId;
        var lease = new TpuLease(name, place, input.Attempt);

        if (!input.IsMove)
        {
            // Also where nothing is asked for: a search may last for hours.
            await StrayNodes.ReleaseAsync(cloud, ledger, jobs, spec, input.Attempt);
        }

        // A request that may have been sent is settled first, whatever has been refused or become cheaper meanwhile.
        var isSent = SentRequests.CountOf(ledger, spec.RunId, name) > 0;
        if (!isSent && memory.Find(spec.Project, place) is { } remembered)
        {
            return new CreateNodeResult(name, null, new Refusal(
                remembered.Code, remembered.Scope, (remembered.Until - clock.GetUtcNow()).TotalSeconds,
                $"Refused lately and remembered until {remembered.Until:u}: {remembered.Reason}",
                $"Wait, or try at once: workflows zones --forget {place.Zone}, or --forget {place.Region}.")
            {
                RegionUntil = remembered.Scope == RefusalScope.Region ? remembered.Until : null,
            },
                Asked: false);
        }

        if (!isSent
            && (TooDear(spec, place) ?? (input.IsMove ? null : patience?.Find(spec, place))) is { } unsent)
        {
            return new CreateNodeResult(name, null, unsent, Asked: false);
        }

        var connection = await cloud.ConnectAsync(spec, CancellationToken.None);
        ledger.Append(spec.RunId, LedgerKinds.Intent, $"{name}", lease);
        var sending = SentRequests.Begin(ledger, spec.RunId, name);
        try
        {
            var node = NodeOf(spec, place, name);
            var operation = spec.Tpu.Request == RequestWay.QueuedResource
                ? await QueuedRequests.CreateAsync(connection, ledger, spec, place, name, node, clock.GetUtcNow())
                : (await connection.Tpu.CreateNodeAsync(
                    new CreateNodeRequest { Parent = parent, NodeId = nodeId, Node = node },
                    TpuConnection.Routed("parent", parent, CancellationToken.None))).Name;
            return new CreateNodeResult(name, operation, null);
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.AlreadyExists)
        {
            return await TakeAsync(connection, spec, name);
        }
        catch (RpcException exception) when (!RefusalClassifier.IsTransient(exception))
        {
            SentRequests.NoteIfUnsent(ledger, spec.RunId, sending, exception);
            var refusal = SameAnswerRule.Judge(
                ledger, spec.RunId, place, RefusalClassifier.Classify(exception, place));
            return new CreateNodeResult(
                name, null, memory.Remember(spec.Project, place, refusal, spec.MemoryPace));
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.Internal
            && SentRequests.CountOf(ledger, spec.RunId, name) >= MostInternalAnswers)
        {
            return await AfterInternalErrorsAsync(connection, input, name, exception);
        }
        catch (RpcException exception)
        {
            SentRequests.NoteIfUnsent(ledger, spec.RunId, sending, exception);
            if (SentRequests.CountOf(ledger, spec.RunId, name) >= MostUnanswered
                && SentRequests.MayExist(ledger, spec.RunId, name))
            {
                return new CreateNodeResult(name, null, null) { IsUnanswered = true };
            }

            throw;
        }
    }

    /// <summary>Returns the refusal of a node that the budget could only give back; null for none.</summary>
    private Refusal? TooDear(RunSpec spec, Candidate place)
    {
        var group = spec.Group?.Id ?? spec.RunId;
        var left = spec.BudgetUsd - RunCosts.Of(ledger, group, clock.GetUtcNow()).ActualUsd;
        var end = RunCosts.ToStop(ledger, group, spec.Pace) + RunCosts.ToStop(place.UsdPerHour, spec.Pace);
        if (left > end)
        {
            return null;
        }

        // A cheaper place of the plan may still be within the budget: this one is left out of the search alone.
        var isLast = !ledger.Read<RunPlan>(spec.RunId, LedgerKinds.Plan).Select(fact => fact.Data).TakeLast(1)
            .SelectMany(plan => plan.Candidates.Concat(plan.OnDemand ?? []))
            .Any(other => left > end + RunCosts.ToStop(other.UsdPerHour - place.UsdPerHour, spec.Pace));
        return new Refusal(
            "BUDGET_EXHAUSTED", isLast ? RefusalScope.Request : RefusalScope.Zone, isLast ? 0 : LeftOutSeconds,
            string.Create(
                CultureInfo.InvariantCulture,
                $"The budget of {spec.BudgetUsd:0.00##} USD has {Math.Max(0, left):0.00##} USD left, and giving back a "
                + $"{place.AcceleratorType} in {place.Zone} may cost {end:0.00##} USD: no node is asked for."),
            "Raise budgetUsd, or ask for a cheaper accelerator.");
    }

    /// <summary>Adopts an existing node or queued resource if it is this run's.</summary>
    private async Task<CreateNodeResult> TakeAsync(TpuConnection connection, RunSpec spec, NodeName name)
    {
        var queued = QueuedRequests.Find(ledger, spec.RunId, name) is { } fact
            ? await QueuedRequests.ReadAsync(connection, fact) : null;
        var node = queued is not null ? queued.Tpu.NodeSpec[0].Node : await connection.Tpu.GetNodeAsync(
            new GetNodeRequest { Name = $"{name}" },
            TpuConnection.Routed("name", $"{name}", CancellationToken.None));
        if (!NodeLabels.AreOf(node.Labels, spec.RunId, secrets.ServiceId))
        {
            return new CreateNodeResult(name, null, new Refusal(
                "NAME_TAKEN", RefusalScope.Zone, 0, $"'{name}' exists and is not this run's.", "Delete that node."));
        }

        if (queued is null && node.State == Node.Types.State.Ready)
        {
            // It costs since before this look, and not only since the next.
            ledger.Append(
                spec.RunId, LedgerKinds.Ready, $"{name}", new NodeMoment(name, nameof(Node.Types.State.Ready)));
        }

        return new CreateNodeResult(name, null, null);
    }

    /// <summary>
    /// Ends the tries in a zone that always answers INTERNAL. Such an answer does not prove that no node was created:
    /// an existing node is adopted, and one that cannot be looked up counts as accepted. One that comes into being
    /// after the look is given back as the run goes on (<see cref="StrayNodes"/>).
    /// </summary>
    private async Task<CreateNodeResult> AfterInternalErrorsAsync(
        TpuConnection connection, CreateNodeInput input, NodeName name, RpcException exception)
    {
        var (spec, place) = (input.Spec, input.Candidate);
        try
        {
            return await TakeAsync(connection, spec, name);
        }
        catch (RpcException look) when (look.StatusCode == StatusCode.NotFound)
        {
            // No node exists; the next zone is tried.
        }
        catch (RpcException look) when (RefusalClassifier.IsTransient(look))
        {
            return new CreateNodeResult(name, null, null) { IsUnanswered = true };
        }

        var refusal = SameAnswerRule.Judge(ledger, spec.RunId, place, RefusalClassifier.Classify(exception, place));
        return new CreateNodeResult(
            NodeName.None, null, memory.Remember(spec.Project, place, refusal, spec.MemoryPace));
    }

    private Node NodeOf(RunSpec spec, Candidate place, NodeName name)
    {
        var node = new Node
        {
            AcceleratorType = place.AcceleratorType,
            RuntimeVersion = place.RuntimeVersion,
            Description = $"Workflows run {spec.RunId}",
            SchedulingConfig = new SchedulingConfig
            {
                Spot = place.Provisioning == ProvisioningMode.Spot,
                Reserved = place.Provisioning == ProvisioningMode.Reserved,
            },
            NetworkConfig = new NetworkConfig
            {
                Network = spec.Tpu.Network ?? "",
                Subnetwork = spec.Tpu.Subnetwork ?? "",
                EnableExternalIps = !spec.Tpu.WithoutExternalIp,
            },
            Labels =
            {
                [NodeLabels.Run] = spec.RunId.Value,
                [NodeLabels.Service] = secrets.ServiceId,
                ["managed-by"] = "workflows",
            },
            Metadata =
            {
                [NodeLabels.Run] = spec.RunId.Value,
                [NodeLabels.NodeName] = $"{name}",
                [NodeLabels.Gateway] = bootstrap.Gateways,
                [NodeLabels.Secret] = secrets.For(spec.RunId, name),
                ["workflows-image"] = bootstrap.WorkerImage,
                ["startup-script"] = bootstrap.StartupScript,
            },
        };
        if (spec is { Handover: true, Group: { } group })
        {
            node.Labels[NodeLabels.Group] = group.Id.Value;
        }

        if (bootstrap.GatewayCertificate is { } pin)
        {
            node.Metadata[NodeLabels.Certificate] = pin;
        }

        if (spec.Tpu.ServiceAccount is { } email)
        {
            node.ServiceAccount = new ServiceAccount { Email = email };
        }

        return node;
    }
}
