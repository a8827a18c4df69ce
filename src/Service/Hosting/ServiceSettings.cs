using Workflows.Activities.Data;
using Workflows.Service.Access;

namespace Workflows.Service.Hosting;

/// <summary>Settings of the service. Each can be set in appsettings.json, as an environment variable with <c>__</c> for
/// <c>:</c>, or on the command line.</summary>
public sealed class ServiceSettings
{
    internal const double Gibibyte = 1L << 30;

    /// <summary>Gets or sets the folder of all durable state: runs, history, keys.</summary>
    /// <value>Default <c>.workflows</c> below the current folder.</value>
    public string StateDirectory { get; set; } = ".workflows";

    /// <summary>Gets or sets the port of the HTTP API.</summary>
    /// <value>null for the port of <c>--urls</c> or <c>ASPNETCORE_URLS</c>, or else 8080. 0 for any free port, kept for
    /// the next start.</value>
    public int? HttpPort { get; set; }

    /// <summary>Gets or sets the port for gRPC: workers, the Durable Task sidecar, the emulator.</summary>
    /// <value>null for the HTTP port plus one.</value>
    public int? GrpcPort { get; set; }

    /// <summary>Gets or sets the emulator's REST port.</summary>
    /// <value>null for the HTTP port plus two.</value>
    public int? EmulatorRestPort { get; set; }

    /// <summary>Gets or sets the port of the emulated cloud's buckets.</summary>
    /// <value>null for the HTTP port plus three.</value>
    public int? EmulatorStoragePort { get; set; }

    /// <summary>Gets or sets the place of artifacts: corpora, models, checkpoints, translations.</summary>
    /// <value><c>gs://BUCKET/PREFIX</c> for runs that pay, which are refused without it; rehearsals use a folder. null
    /// for the emulated cloud's buckets, below the state folder, in rehearsals.</value>
    public string? Artifacts { get; set; }

    /// <summary>Gets or sets the address at which TPU VMs reach the worker gateway.</summary>
    /// <value>null for this machine's gRPC port, which only the emulator's workers can reach.</value>
    public Uri? GatewayAddress { get; set; }

    /// <summary>Gets or sets a port for the worker gateway only, open to other machines if the service itself
    /// terminates TLS.</summary>
    /// <value>null for none. With <see cref="GatewayKey"/> the service terminates TLS there; without it the port is on
    /// loopback, without TLS, for a proxy on this machine that terminates it.</value>
    public int? GatewayPort { get; set; }

    /// <summary>Gets or sets the certificate of the gateway, the service's own or a proxy's.</summary>
    /// <value>A PEM file; its first certificate is the only one that workers accept. null to accept any certificate
    /// that the worker's system trusts.</value>
    public string? GatewayCertificate { get; set; }

    /// <summary>Gets or sets the key of <see cref="GatewayCertificate"/>.</summary>
    /// <value>A PEM file; null if a proxy has the key.</value>
    public string? GatewayKey { get; set; }

    /// <summary>Gets or sets the address of another Durable Task backend.</summary>
    /// <value>null for the embedded sidecar.</value>
    public Uri? DurableTaskAddress { get; set; }

    /// <summary>Gets or sets the connection string of a Durable Task Scheduler, Azure's or another server of its
    /// protocol.</summary>
    /// <value><c>Endpoint=...;TaskHub=...;Authentication=...</c>; if null, <see cref="DurableTaskAddress"/>
    /// decides.</value>
    public string? DurableTaskConnectionString { get; set; }

    /// <summary>Gets or sets the PostgreSQL database that has the state which several services share.</summary>
    /// <value>A connection string of Npgsql, <c>Host=...;Database=...;Username=...;Password=...</c>; null to keep all
    /// state in the folder, for one service. It needs an engine that is not inside the service.</value>
    public string? Database { get; set; }

    /// <summary>Gets or sets the address of an emulated cloud that is a program of its own.</summary>
    /// <value>Its gRPC port; its REST and storage ports are the next two. null for the one inside the
    /// service.</value>
    public Uri? EmulatorAddress { get; set; }

    /// <summary>Gets or sets the gateways of the other services, which workers try when this one does not
    /// answer.</summary>
    /// <value>Addresses with commas between them; null for none.</value>
    public string? OtherGateways { get; set; }

    /// <summary>Gets or sets a price catalog that replaces the built-in one.</summary>
    /// <value>A path, or null.</value>
    public string? PriceCatalog { get; set; }

    /// <summary>Gets or sets the PJRT plugin with which plans compile the programs of runs that pay.</summary>
    /// <value>A path to libtpu, or <c>libtpu</c> for an installed one. null for the one that WORKFLOWS_PJRT_PLUGIN or
    /// TPU_LIBRARY_PATH names, else an installed libtpu; without any, plans count the programs.</value>
    public string? PjrtPlugin { get; set; }

    /// <summary>Gets or sets the minutes within which a plan's compiler must have compiled one program.</summary>
    /// <value>More than 0 and at most 1440, default 10.</value>
    public double CompileMinutes { get; set; } = 10;

    /// <summary>Gets or sets the number of runs whose files are read at the same time.</summary>
    /// <value>At least 1, default 2.</value>
    public int InputPlaces { get; set; } = InputLimits.Default.Places;

    /// <summary>Gets or sets the minutes within which the files of one run must be read.</summary>
    /// <value>More than 0, default 120.</value>
    public double InputMinutes { get; set; } = InputLimits.Default.Time.TotalMinutes;

    /// <summary>Gets or sets the most bytes of one part of a corpus (training, test, validation), unpacked.</summary>
    /// <value>GiB, more than 0 and at most 1,048,576, default 4.</value>
    public double InputGibibytes { get; set; } = InputLimits.Default.Bytes / Gibibyte;

    /// <summary>Gets or sets the places that requests may name: folders, and beginnings of addresses.</summary>
    /// <value>With commas between them; null for every place, if requests come from this machine alone, and otherwise
    /// for no folder and every address.</value>
    public string? InputRoots { get; set; }

    /// <summary>Gets or sets the limits of uploaded files.</summary>
    public UploadSettings Uploads { get; set; } = new();

    /// <summary>Gets or sets the minutes from one sweep over the cloud to the next.</summary>
    /// <value>0 to 1440, default 15; with 0 the service makes no automatic sweep.</value>
    public double SweepMinutes { get; set; } = 15;

    /// <summary>Gets or sets the most that all runs together may cost on a day (UTC), in US dollars; rehearsals do not
    /// count.</summary>
    /// <value>0 or more; null for no limit.</value>
    public double? MaxUsdPerDay { get; set; }

    /// <summary>Gets or sets the most that all runs together may cost in a calendar month (UTC), in US dollars;
    /// rehearsals do not count.</summary>
    /// <value>0 or more; null for no limit.</value>
    public double? MaxUsdPerMonth { get; set; }

    /// <summary>Gets or sets the script that a TPU VM runs at its start.</summary>
    /// <value>A path; null for infra/startup-script.sh, built in.</value>
    public string? StartupScript { get; set; }

    /// <summary>Gets or sets the container image of the worker on TPU VMs.</summary>
    /// <value>The image that infra/worker.Dockerfile builds, at a place where the VMs can pull it.</value>
    public string WorkerImage { get; set; } = "workflows-worker:latest";

    /// <summary>Gets or sets who may call the API.</summary>
    public AccessSettings Access { get; set; } = new();

    /// <summary>Gets or sets the subscription whose messages start runs.</summary>
    public PubSubSettings PubSub { get; set; } = new();

    /// <summary>Gets or sets the Dapr component to which a run's end is published.</summary>
    public DaprSettings Dapr { get; set; } = new();

    /// <summary>Gets or sets the token of the Hugging Face Hub, from a secret store.</summary>
    /// <value>null for HF_TOKEN and the other variables of Python's library.</value>
    internal string? HuggingFaceToken { get; set; }

    /// <summary>Gets a value indicating whether other services may have the same state.</summary>
    public bool IsShared => !string.IsNullOrWhiteSpace(Database);

    /// <summary>Gets a value indicating whether the service runs the engine itself.</summary>
    public bool UsesEmbeddedEngine => DurableTaskAddress is null && string.IsNullOrEmpty(DurableTaskConnectionString);
}

/// <summary>The limits of uploaded files.</summary>
public sealed class UploadSettings
{
    /// <summary>Gets or sets the most bytes of a file.</summary>
    /// <value>GiB, 0 to 1,048,576, default 1.</value>
    public double FileGibibytes { get; set; } = 1;

    /// <summary>Gets or sets the most bytes of all files together, with contents that only runs use.</summary>
    /// <value>GiB, 0 to 1,048,576, default 8; 0: no uploads.</value>
    public double AllGibibytes { get; set; } = 8;
}

/// <summary>The Pub/Sub subscription that starts runs.</summary>
public sealed class PubSubSettings
{
    /// <summary>Gets or sets the subscription.</summary>
    /// <value><c>projects/P/subscriptions/S</c>; null for no subscription.</value>
    public string? Subscription { get; set; }

    /// <summary>Gets or sets the topic for messages that cannot start a run.</summary>
    /// <value><c>projects/P/topics/T</c>; if null, they are logged and dropped.</value>
    public string? DeadLetterTopic { get; set; }

    /// <summary>Gets or sets the topic that receives ends and lifecycle of runs as CloudEvents.</summary>
    /// <value><c>projects/P/topics/T</c>; null to publish nothing.</value>
    public string? EventsTopic { get; set; }

    /// <summary>Gets or sets the emulator's address.</summary>
    /// <value><c>host:port</c>; null for the environment variable PUBSUB_EMULATOR_HOST, or else Google.</value>
    public string? EmulatorHost { get; set; }
}

/// <summary>Components and topics of a Dapr sidecar; without settings none is needed.</summary>
public sealed class DaprSettings
{
    /// <summary>Gets or sets the pub/sub component.</summary>
    /// <value>null to publish nothing.</value>
    public string? PubSubName { get; set; }

    /// <summary>Gets or sets the topic.</summary>
    /// <value>Default <c>workflow-runs-ended</c>.</value>
    public string Topic { get; set; } = "workflow-runs-ended";

    /// <summary>Gets or sets the topic of the lifecycle of runs.</summary>
    /// <value>null to publish the ends alone.</value>
    public string? LifecycleTopic { get; set; }

    /// <summary>Gets or sets the topic whose messages start runs.</summary>
    /// <value>null for no subscription.</value>
    public string? StartTopic { get; set; }

    /// <summary>Gets or sets the topic for messages that cannot start a run.</summary>
    /// <value>null: they are logged and dropped.</value>
    public string? DeadLetterTopic { get; set; }

    /// <summary>Gets or sets the token that the sidecar sends with messages.</summary>
    /// <value>null for the variable APP_API_TOKEN, which the sidecar reads, too.</value>
    internal string? AppApiToken { get; set; }

    /// <summary>Gets or sets the secret store component.</summary>
    /// <value>null to read no secrets from Dapr.</value>
    public string? SecretStore { get; set; }

    /// <summary>Gets the names of the secrets in the store, by setting: <c>Database</c>,
    /// <c>DurableTaskConnectionString</c>, <c>HuggingFaceToken</c>.</summary>
    public Dictionary<string, string> Secrets { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Gets or sets the sidecar's gRPC address.</summary>
    /// <value>null for DAPR_GRPC_ENDPOINT or DAPR_GRPC_PORT, as the Dapr runtime sets them.</value>
    public Uri? GrpcEndpoint { get; set; }
}
