using Microsoft.AspNetCore.Diagnostics;
using Workflows.Service.Database;

namespace Workflows.Service.Runs;

/// <summary>Answers errors as problem+json (RFC 9457) with a stable code.</summary>
internal static partial class Problems
{
    public static IResult Of(int status, string code, string detail, IReadOnlyList<FieldError>? errors = null)
    {
        var more = new Dictionary<string, object?> { ["code"] = code };
        if (errors is not null)
        {
            more["errors"] = errors;
        }

        return TypedResults.Problem(
            detail, statusCode: status, type: $"urn:workflows:error:{code.ToLowerInvariant()}",
            extensions: more);
    }

    /// <summary>Makes the answer while the database of several services is away.</summary>
    public static IResult StateUnavailable() => Of(
        StatusCodes.Status503ServiceUnavailable, "STATE_UNAVAILABLE",
        "The service's database does not answer; try again shortly.");

    /// <summary>Answers faults of the API; faults of the caller are not logged as errors of the service.</summary>
    /// <param name="application">The application.</param>
    /// <param name="port">The API's port. Other ports serve gRPC, or Google's REST with its own form of errors.</param>
    public static void UseProblems(this WebApplication application, int port)
    {
        application.UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = HandleAsync,
            SuppressDiagnosticsCallback = context => IsExpected(context.Exception),
        });
        application.UseWhen(
            context => context.Connection.LocalPort == port,
            api => api.UseStatusCodePages(pages => NoEndpoint(pages.HttpContext).ExecuteAsync(pages.HttpContext)));
    }

    private static bool IsExpected(Exception exception) =>
        exception is RunRequestException or BadHttpRequestException or Grpc.Core.RpcException or DatabaseException;

    /// <summary>Converts an exception of a handler into a problem.</summary>
    private static async Task HandleAsync(HttpContext context)
    {
        var exception = context.Features.Get<IExceptionHandlerFeature>()?.Error;
        var result = exception switch
        {
            RunRequestException
            {
                Code: RunRequestException.KeyReused or RunRequestException.SpendLimit or RunRequestException.LeftOver,
            } refused => Of(StatusCodes.Status409Conflict, refused.Code, refused.Message, refused.Errors),
            RunRequestException wrong => Of(
                StatusCodes.Status400BadRequest, wrong.Code, wrong.Message, wrong.Errors),
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => Of(
                StatusCodes.Status413PayloadTooLarge, "REQUEST_TOO_LARGE",
                $"The request has more than {RunEndpoints.MostBodyBytes} bytes. Name files in place of their content."),
            BadHttpRequestException bad => Of(bad.StatusCode, "REQUEST_UNREADABLE", bad.Message),
            Grpc.Core.RpcException => Of(
                StatusCodes.Status503ServiceUnavailable, "ENGINE_UNAVAILABLE",
                "The Durable Task backend does not answer; try again shortly."),
            DatabaseException or Access.KeyFileException { InnerException: DatabaseException } => StateUnavailable(),
            Access.KeyFileException => Of(
                StatusCodes.Status503ServiceUnavailable, "KEYS_UNREADABLE",
                "The service cannot read its keys, so it lets nobody in; its log has the reason."),
            _ => Of(
                StatusCodes.Status500InternalServerError, "INTERNAL", "Something went wrong; see the service's log."),
        };
        var logger = context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(Problems));
        if (exception is RunRequestException or BadHttpRequestException)
        {
            Log.Refused(
                logger, context.Request.Method, SafeText.Of(context.Request.Path.Value),
                SafeText.Of(exception.Message));
        }
        else if (exception is Grpc.Core.RpcException fault)
        {
            Log.NoEngine(
                logger, context.Request.Method, SafeText.Of(context.Request.Path.Value),
                SafeText.Of(fault.Status.ToString()));
        }
        else if (exception is DatabaseException away)
        {
            Log.NoDatabase(
                logger, context.Request.Method, SafeText.Of(context.Request.Path.Value), SafeText.Of(away.Message));
        }

        await result.ExecuteAsync(context);
    }

    /// <summary>Adds a problem to an answer that the server gave without a body.</summary>
    private static IResult NoEndpoint(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => Of(
            StatusCodes.Status404NotFound, "PATH_UNKNOWN",
            $"There is nothing at '{SafeText.Of(context.Request.Path.Value)}'; see README.md for the paths."),
        StatusCodes.Status405MethodNotAllowed => Of(
            StatusCodes.Status405MethodNotAllowed, "METHOD_NOT_ALLOWED",
            $"{SafeText.Of(context.Request.Method)} is not possible here; use {context.Response.Headers.Allow}."),
        var status => Of(status, "REQUEST_UNREADABLE", "The request cannot be read."),
    };

    private static partial class Log
    {
        [LoggerMessage(4290, LogLevel.Information, "Refused {Method} {Path}: {Reason}")]
        public static partial void Refused(ILogger logger, string method, string path, string reason);

        [LoggerMessage(4291, LogLevel.Warning, "{Method} {Path} could not reach the engine: {Status}")]
        public static partial void NoEngine(ILogger logger, string method, string path, string status);

        [LoggerMessage(4297, LogLevel.Warning, "{Method} {Path} could not reach the database: {Reason}")]
        public static partial void NoDatabase(ILogger logger, string method, string path, string reason);
    }
}
