"""What gunicorn serves; DJANGO_SETTINGS_MODULE, set in the image, says which service this is."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
