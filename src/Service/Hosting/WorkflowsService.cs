using System.Globalization;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Capacity;
using Workflows.Activities.Data;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Moves;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Readiness;
using Workflows.Activities.Reporting;
using Workflows.Activities.Spending;
using Workflows.Activities.Storage;
using Workflows.Activities.Training;
using Workflows.Artifacts;
using Workflows.DurableTask.Sidecar;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.Service.Access;
using Workflows.Service.Dashboard;
using Workflows.Service.Database;
using Workflows.Service.Files;
using Workflows.Service.Logs;
using Workflows.Service.Messages;
using Workflows.Service.Runs;
using Workflows.Service.Sweeping;
using Workflows.Service.Telemetry;
using Workflows.Service.Workers;
using Workflows.TpuWorker.Compile;

namespace Workflows.Service.Hosting;

/// <summary>Builds the service: API, engine, worker of the engine, gateway, emulator, messages.</summary>
public static class WorkflowsService
{
    private const int MaxMessageBytes = 64 << 20;
    private const int MaxWorkerMessageBytes = 4 << 20;

    /// <summary>Key of the work on files for previews, which have places of their own: no run waits for them.</summary>
    private const string Preview = "preview";

    // The user of Linux who owns nothing.
    private const uint Nobody = 65534;

    /// <summary>Most time for reading a corpus for a preview; somebody waits for it.</summary>
    private static readonly TimeSpan PreviewTime = TimeSpan.FromSeconds(30);

    /// <summary>Builds the service.</summary>
    /// <param name="args">Command line, which overrides files and environment.</param>
    /// <param name="settings">Settings; null for the configuration's section <c>Workflows</c>.</param>
    /// <param name="isEmbedded">true inside another program, where logs go to a file in the state folder.</param>
    /// <param name="change">Changes the registered services; null for no change.</param>
    /// <returns>The application, not started, and its ports.</returns>
    /// <exception cref="ServiceStartException">The settings or the state folder are not valid.</exception>
    public static (WebApplication Application, ServicePorts Ports) Build(
        string[] args, ServiceSettings? settings = null, bool isEmbedded = false,
        Action<IServiceCollection>? change = null)
    {
        var builder = Begin(args);
        return Assemble(
            builder, args, settings ?? ConfiguredSettings.Read(builder.Configuration, args), isEmbedded, change);
    }

    /// <summary>Builds the service inside a command: with the settings of the configuration, free ports on this machine
    /// only, and a state folder of its own.</summary>
    /// <param name="stateDirectory">The state folder.</param>
    /// <param name="tell">Called with a sentence if settings do not apply to such a service.</param>
    /// <param name="own">Changes the settings as the command needs them; null for no change.</param>
    /// <param name="args">Settings as on the service's command line; null for none.</param>
    /// <returns>The application, not started, and its ports.</returns>
    /// <exception cref="ServiceStartException">The settings or the state folder are not valid.</exception>
    public static (WebApplication Application, ServicePorts Ports) BuildForCommand(
        string stateDirectory, Action<string> tell, Action<ServiceSettings>? own = null, string[]? args = null)
    {
        args ??= [];
        var builder = Begin(args);
        var settings = ConfiguredSettings.ReadForCommand(builder.Configuration, args, stateDirectory, tell);
        own?.Invoke(settings);
        return Assemble(builder, args, settings, isEmbedded: true, null);
    }

    private static WebApplicationBuilder Begin(string[] args) => WebApplication.CreateBuilder(new WebApplicationOptions
    {
        Args = args,
        ContentRootPath = AppContext.BaseDirectory,
    });

    private static (WebApplication Application, ServicePorts Ports) Assemble(
        WebApplicationBuilder builder, string[] args, ServiceSettings settings, bool isEmbedded,
        Action<IServiceCollection>? change)
    {
        var hold = new PortHold();
        try
        {
            return Assemble(builder, args, settings, isEmbedded, change, hold);
        }
        catch
        {
            hold.Dispose();
            throw;
        }
    }

    private static (WebApplication Application, ServicePorts Ports) Assemble(
        WebApplicationBuilder builder, string[] args, ServiceSettings settings, bool isEmbedded,
        Action<IServiceCollection>? change, PortHold hold)
    {
        // Once, before anything uses them; the program has nothing else to do meanwhile.
        DaprSecrets.ReadAsync(settings).GetAwaiter().GetResult();
        DaprSubscription.Require(settings);
        settings.StateDirectory = Path.GetFullPath(settings.StateDirectory);
        var plan = isEmbedded ? ListenPlan.Loopback : ListenPlan.Of(builder.Configuration, args, settings);
        var ports = Prepare(settings, plan, hold);
        if (settings.Artifacts is { } artifacts && ArtifactUri.TryParse(artifacts, out var fault) is null)
        {
            throw new ServiceStartException($"Workflows:Artifacts cannot be used: {fault}");
        }

        if (isEmbedded)
        {
            builder.Logging.ClearProviders();
            builder.Logging.AddProvider(new FileLoggerProvider(Path.Combine(settings.StateDirectory, "service.log")));
        }

        var pin = GatewayDoor.PinOf(settings);
        ConfigureKestrel(builder, settings, ports, plan);
        // Disposed with the application, if its start fails before it listens.
        builder.Services.AddSingleton(_ => hold);
        builder.WebHost.UseSockets(sockets => sockets.CreateBoundListenSocket = hold.Hand);
        // Before the engine's worker, which goes on with runs as soon as it starts, and until after its end.
        builder.AddTelemetry(ports.Http);
        var roots = InputRoots.Of(settings, plan.IsOpen || !string.IsNullOrWhiteSpace(settings.Access.Proxies));
        builder.Services.AddSingleton(provider => roots.With(provider.GetRequiredService<IFileStore>().Contents));
        AddRooms(builder.Services, settings, ports, pin);
        change?.Invoke(builder.Services);

        var application = builder.Build();
        _ = application.Services.GetRequiredService<PortHold>();
        GatewayDoor.Tell(application, settings);
        AccessControl.TellOfKeys(application, settings);
        application.UseSafeHeaders(settings, ports.Http);
        application.UseProblems(ports.Http);
        DatabaseAccess.HurryRequests(application, ports.Http);
        application.UseProxies(settings, ports.Http);
        application.UseBrowserGuard(
            settings.GatewayPort,
            plan.IsOpen || !string.IsNullOrWhiteSpace(settings.Access.Proxies) ? ports.Http : null);
        GatewayDoor.Guard(application, settings);
        application.MapStorageEmulator(ports.EmulatorStorage);
        application.UseAccess(settings, ports.Http);
        application.UseKnownQueries();

        // The emulated cloud asks for no credentials, and the gateway for those of a node.
        application.MapTpuEmulator($"*:{ports.Grpc}", $"*:{ports.EmulatorRest}").AllowAnonymous().OfThisMachineOnly();
        application.MapGrpcService<WorkerGatewayService>().AllowAnonymous().OfThisMachineOnly();
        if (settings.UsesEmbeddedEngine)
        {
            application.MapTaskHubSidecar().NeedsRole(AccessRole.Admin).OfThisMachineOnly();
        }

        application.MapDashboard();
        application.MapSessions(settings);
        application.MapApiDocument();
        ApiPage.Map(application);
        application.MapRuns(settings);
        application.MapFiles();
        application.MapDoctor(settings);
        application.MapSweep();
        application.MapPlan();
        application.MapSpending();
        application.MapTelemetry();
        DaprSubscription.Map(application, settings);
        return (application, ports);
    }

    private static ServicePorts Prepare(ServiceSettings settings, ListenPlan plan, PortHold hold)
    {
        try
        {
            Directory.CreateDirectory(settings.StateDirectory);
            return ServicePorts.Decide(settings, plan.Port, hold);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ServiceStartException(
                $"The state folder '{settings.StateDirectory}' cannot be used: {exception.Message}", exception)
            {
                IsFolder = true,
            };
        }
    }

    /// <summary>Opens the ports; without TLS a port speaks either HTTP/1.1 or HTTP/2, so each service has its own. Only
    /// the API's is opened beyond this machine.</summary>
    private static void ConfigureKestrel(
        WebApplicationBuilder builder, ServiceSettings settings, ServicePorts ports, ListenPlan plan)
    {
        // The endpoints below are those of these settings, and more; Kestrel would warn about both.
        foreach (var key in new[]
        {
            WebHostDefaults.ServerUrlsKey, WebHostDefaults.HttpPortsKey, WebHostDefaults.HttpsPortsKey,
        })
        {
            builder.Configuration[key] = "";
        }

        var tls = ApiCertificate.Of(settings.Access);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.Http2.MaxStreamsPerConnection = 1000;
            if (plan.IsEverywhere)
            {
                kestrel.ListenAnyIP(ports.Http, Api);
            }
            else
            {
                kestrel.Listen(System.Net.IPAddress.Loopback, ports.Http, Api);
                foreach (var address in plan.Addresses)
                {
                    kestrel.Listen(address, ports.Http, Api);
                }
            }

            Inner(ports.Grpc, HttpProtocols.Http2);
            Inner(ports.EmulatorRest, HttpProtocols.Http1);
            Inner(ports.EmulatorStorage, HttpProtocols.Http1);
            GatewayDoor.Open(kestrel, settings);

            void Api(ListenOptions endpoint)
            {
                endpoint.Protocols = tls is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2;
                if (tls is not null)
                {
                    endpoint.UseHttps(tls);
                }
            }

            void Inner(int port, HttpProtocols protocols) => kestrel.Listen(
                System.Net.IPAddress.Loopback, port, endpoint => endpoint.Protocols = protocols);
        });
    }

    private static void AddRooms(
        IServiceCollection services, ServiceSettings settings, ServicePorts ports, string? gatewayPin)
    {
        var grpc = new Uri($"http://127.0.0.1:{ports.Grpc}");
        services.AddSingleton(settings);
        services.AddSingleton(TimeProvider.System);
        services.AddProblemDetails();
        services.AddApiDocument();
        services.AddSingleton<ApiPage>();
        services.AddAccess(settings, ports.Http);

        // A part that fails is logged; runs on a TPU need the other parts.
        services.Configure<HostOptions>(
            host => host.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.Ignore);
        services.ConfigureHttpJsonOptions(json =>
        {
            foreach (var converter in RunLedger.Json.Converters)
            {
                json.SerializerOptions.Converters.Add(converter);
            }

            json.SerializerOptions.Encoder = RunLedger.Json.Encoder;
        });

        services.AddGrpc(options =>
            {
                options.MaxReceiveMessageSize = MaxMessageBytes;

                // Their endpoint for unknown services takes every path of two parts, with every method: a wrong method
                // of /runs/{id} would be an unknown path. Clients of gRPC take 404 for the same.
                options.IgnoreUnknownServices = true;
            })
            .AddServiceOptions<WorkerGatewayService>(options => options.MaxReceiveMessageSize = MaxWorkerMessageBytes);
        StoreChoice.Add(services, settings);
        DurableTaskBackend.Add(services, settings, grpc);

        // After the engine, whose start locks the folder: a second service must not open the emulated cloud.
        services.AddTpuEmulator(options =>
        {
            options.StateDirectory = Path.Combine(settings.StateDirectory, "emulator");
            options.RestHost = $"127.0.0.1:{ports.EmulatorRest}";
            options.StorageHost = $"127.0.0.1:{ports.EmulatorStorage}";
            options.WorkerCommand = OwnPrograms.CommandOf("Workflows.TpuWorker.Host");
            options.WorkerUser = Nobody;
        });

        var cloud = EmulatedAddresses.Of(settings, ports);
        if (settings.EmulatorAddress is not null)
        {
            services.AddSingleton<ITpuEmulator>(_ => new RemoteTpuEmulator(cloud.Rest));
        }

        services.AddSingleton(provider => new RunLedger(
            provider.GetRequiredService<IStateStore>(), settings.StateDirectory,
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new RunArtifacts(
            provider.GetRequiredService<RunLedger>(), settings.Artifacts,
            cloud.Storage, provider.GetService<Func<Uri?, ArtifactStores>>()));
        services.AddSingleton<TransferBoard>();
        services.AddSingleton(provider => new CapacityMemory(
            provider.GetRequiredService<IStateStore>(), provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<CapacityMemory>>()));
        services.AddSingleton<WorkForesight>();
        services.AddSingleton<PricePatience>();
        services.AddSingleton<MoveAdvice>();
        services.AddSingleton(provider => new MeasuredRates(provider.GetRequiredService<IStateStore>()));
        var limits = SettingLimits.OfInput(settings);
        services.AddSingleton(provider => new InputWork(
            provider.GetRequiredService<RunLedger>(), limits, provider.GetRequiredService<TimeProvider>()));
        services.AddKeyedSingleton(Preview, (provider, _) => new InputWork(
            provider.GetRequiredService<RunLedger>(), limits with { Time = PreviewTime },
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(settings.PriceCatalog is { } catalog
            ? SettingsFile.Use(
                nameof(settings.PriceCatalog), catalog, "a file like src/Activities/Capacity/catalog.json",
                PriceCatalog.Load)
            : PriceCatalog.Load(null));
        PlanCompiler.Require(settings);
        services.AddSingleton(provider => new CompiledSteps(PlanCompiler.OptionsOf(
            settings, OwnPrograms.CommandOf("Workflows.Service", CompileChild.Name),
            provider.GetRequiredService<ILogger<CompiledSteps>>())));
        services.AddSingleton<IRunPrograms, RunPrograms>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<RunPlanner>(
            provider, provider.GetRequiredKeyedService<InputWork>(Preview)));
        services.AddSingleton<ITpuCloud>(_ => new TpuCloud(cloud.Grpc));
        services.AddSingleton(new WorkerBootstrap(
            settings.GatewayAddress ?? grpc, settings.WorkerImage, StartupScripts.Read(settings.StartupScript),
            settings.GatewayAddress is null ? null : gatewayPin, settings.GatewayAddress is not null)
        {
            OtherGateways = GatewayDoor.OthersOf(settings),
        });
        services.AddSingleton(new GoogleServices(
            new GoogleRest(null), new GoogleRest(cloud.Rest, cloud.Storage)));
        services.AddSingleton<CloudReadiness>();
        services.AddSingleton<ApiState>();
        services.AddSingleton<RefusalReader>();
        services.AddSingleton(provider => new CredentialLook(
            provider.GetRequiredService<CloudReadiness>().CredentialsAsync,
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<MetricsLog>();
        services.AddSingleton<JobBook>();
        services.AddSingleton<ITpuJobs>(provider => provider.GetRequiredService<JobBook>());
        services.AddSingleton<IRehearsalCloud, RehearsalCloud>();
        services.AddSingleton<IdempotencyKeys>();
        services.AddSingleton<PurgedFolders>();
        services.AddHostedService<StateTrimmer>();
        AddSpending(services, settings);
        services.AddSingleton<RunIndex>();
        services.AddSingleton<GroupRuns>();
        services.AddSingleton<RunService>();
        services.AddSingleton<RunList>();
        services.AddHostedService<RunListWarmUp>();
        services.AddRunLogs(settings);
        services.AddFiles(settings);
        services.AddSingleton<EventStream>();
        services.AddSingleton<RunSuspender>();
        services.AddSingleton<RunEventSender>();
        services.AddHostedService<ApprovalWaker>();
        services.AddSingleton<RunResumer>();
        services.AddSingleton<RunRerunner>();
        services.AddSingleton<RunPurger>();
        services.AddSingleton<RunsPurger>();
        services.AddSingleton<RunWaiter>();
        services.AddSingleton<RunStarter>();
        services.AddSingleton<RunMessages>();
        services.AddSingleton<RunSubscriber>();
        services.AddHostedService(provider => provider.GetRequiredService<RunSubscriber>());
        services.AddSweep(settings);
        services.AddEvents(settings);
    }

    private static void AddSpending(IServiceCollection services, ServiceSettings settings)
    {
        foreach (var (name, usd) in new[]
        {
            (nameof(settings.MaxUsdPerDay), settings.MaxUsdPerDay),
            (nameof(settings.MaxUsdPerMonth), settings.MaxUsdPerMonth),
        })
        {
            if (usd is not (null or (>= 0 and <= 1e9)))
            {
                throw new ServiceStartException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"The setting 'Workflows:{name}' cannot be {usd}: use 0 to 1,000,000,000 US dollars, or leave it "
                    + $"out for no limit."));
            }
        }

        services.AddSingleton<SpendBook>();
        services.AddSingleton<SpendLimits>();
    }
}
