using System.Reflection;

namespace Workflows.GoogleCloud.Connections;

/// <summary>The header by which Google's services tell clients apart: language, transport and this product.</summary>
public static class ApiClientHeader
{
    /// <summary>The header's name.</summary>
    public const string Name = "x-goog-api-client";

    /// <summary>The product's name and version, as a <c>User-Agent</c> has them.</summary>
    public static readonly string Product = $"workflows/{VersionOf(typeof(ApiClientHeader).Assembly)}";

    /// <summary>The header's value for HTTP with JSON.</summary>
    public static readonly string Rest = $"gl-dotnet/{Environment.Version} {Product}";

    /// <summary>The header's value for gRPC.</summary>
    public static readonly string Grpc =
        $"{Rest} grpc/{VersionOf(typeof(global::Grpc.Net.Client.GrpcChannel).Assembly)}";

    // The informational version without the commit behind its plus sign.
    private static string VersionOf(Assembly assembly) =>
        assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
