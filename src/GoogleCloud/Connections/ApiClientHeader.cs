using System.Reflection;

namespace Workflows.GoogleCloud.Connections;

/// <summary>The header that identifies a client to Google's services: language, transport and this product.</summary>
public static class ApiClientHeader
{
    /// <summary>The header's name.</summary>
    public const string Name = "x-goog-api-client";

    /// <summary>The product's name and version, in the form of a <c>User-Agent</c>.</summary>
    public static readonly string Product = $"workflows/{VersionOf(typeof(ApiClientHeader).Assembly)}";

    /// <summary>The header's value for HTTP with JSON.</summary>
    public static readonly string Rest = $"gl-dotnet/{Environment.Version} {Product}";

    /// <summary>The header's value for gRPC.</summary>
    public static readonly string Grpc =
        $"{Rest} grpc/{VersionOf(typeof(global::Grpc.Net.Client.GrpcChannel).Assembly)}";

    // The informational version without the commit after its plus sign.
    private static string VersionOf(Assembly assembly) =>
        assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
