"""Who asks, and whether they may: authentication, impersonation and RBAC.

users       who somebody is                   attributes  what a request wants to do
rules       what a PolicyRule covers          rbac        the authorizer
bootstrap   the roles every cluster has       middleware  all of it, in front of every handler
"""
